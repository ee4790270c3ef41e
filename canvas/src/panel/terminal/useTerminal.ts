/** A terminal in an element, with a line to the shell of a workspace. */

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { getNonce } from "get-nonce";
import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { notify } from "../../store/toasts";
import { Keys } from "./keys";
import { connect, type Ended, type Line } from "./line";
import { withNonce } from "./nonce";
import { themeOf } from "./theme";

/** Lines that can be scrolled back to. */
const SCROLLBACK = 5_000;

export type State = { kind: "connecting" } | { kind: "open" } | Ended;

export function useTerminal(
  id: string,
  place: RefObject<HTMLDivElement | null>,
  dark: boolean,
): { state: State; again(): void } {
  const [state, setState] = useState<State>({ kind: "connecting" });
  const [round, setRound] = useState(0);
  const shown = useRef<Terminal>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a wish to connect again
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    setState({ kind: "connecting" });
    const terminal = make(element);
    shown.current = terminal;
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    withNonce(getNonce() ?? "", () => terminal.open(element));
    fit.fit();
    let line: Line | undefined = connect(id, terminal, {
      opened: () => {
        setState({ kind: "open" });
        terminal.focus();
      },
      received: (data) => terminal.write(data),
      ended: (how) => {
        line = undefined;
        terminal.options.disableStdin = true;
        terminal.options.cursorBlink = false;
        setState(how);
      },
    });
    terminal.onData((data) => line?.send(data));
    terminal.onResize(({ cols, rows }) => line?.resize({ cols, rows }));
    const watch = new ResizeObserver(() => element.clientHeight > 0 && fit.fit());
    watch.observe(element);
    return () => {
      watch.disconnect();
      line?.close();
      shown.current = null;
      terminal.dispose();
    };
  }, [id, place, round]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are those of the theme
  useEffect(() => {
    if (shown.current && place.current) shown.current.options.theme = themeOf(place.current);
  }, [dark, place]);
  return { state, again: useCallback(() => setRound((one) => one + 1), []) };
}

function make(element: HTMLElement): Terminal {
  const terminal = new Terminal({
    fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
    fontSize: 13,
    scrollback: SCROLLBACK,
    theme: themeOf(element),
    minimumContrastRatio: 4.5,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    screenReaderMode: true,
    // Links that a program writes are never followed.
    linkHandler: { activate: () => {} },
  });
  const keys = new Keys();
  terminal.attachCustomKeyEventHandler((event) => {
    const meaning = keys.read(event, terminal.hasSelection());
    if (meaning === "copy") {
      event.preventDefault();
      void navigator.clipboard.writeText(terminal.getSelection()).catch(notify.failed);
      terminal.clearSelection();
    }
    // Pasting is the browser's: what it does not do itself for these keys, it is asked for.
    if (meaning === "paste" && event.shiftKey) {
      event.preventDefault();
      void navigator.clipboard.readText().then((text) => terminal.paste(text), notify.failed);
    }
    return meaning === "terminal";
  });
  return terminal;
}
