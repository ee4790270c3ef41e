/** A shell where the agent of a workspace runs. It ends when the tab is left. */

import "@xterm/xterm/css/xterm.css";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { Button, cx } from "../../kit";
import { useEffectiveTheme } from "../../shell/theme";
import { type State, useTerminal } from "./useTerminal";
import "../../lifecycle/texts";

export function TerminalTab({ id }: { id: string }) {
  const { t } = useTranslation("lifecycle");
  const place = useRef<HTMLDivElement>(null);
  const dark = useEffectiveTheme() === "dark";
  const { state, again } = useTerminal(id, place, dark);
  const over = state.kind !== "connecting" && state.kind !== "open";
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="mb-2 flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <p role="status" className={cx("min-w-0 break-words", over ? "text-danger" : "text-muted")}>
          {told(t, state)}
        </p>
        {over && <Button onClick={again}>{t("term_again")}</Button>}
      </div>
      <section
        aria-label={t("term_label")}
        aria-describedby="terminal-help"
        data-testid="terminal"
        data-state={state.kind}
        dir="ltr"
        className="min-h-0 grow overflow-hidden rounded-md border border-line bg-raised p-2 focus-within:border-accent"
        onKeyDown={(event) => {
          // The panel closes with Escape, and here Escape is the shell's.
          if (event.key === "Escape") event.preventDefault();
        }}
      >
        <div ref={place} className="size-full" />
      </section>
      <p id="terminal-help" className="mt-1 text-xs text-muted">
        {t("term_help")}
      </p>
    </div>
  );
}

function told(t: ReturnType<typeof useTranslation<"lifecycle">>["t"], state: State): string {
  switch (state.kind) {
    case "connecting":
      return t("term_connecting");
    case "open":
      return t("term_open");
    case "ended":
      return t("term_ended");
    case "lost":
      return t("term_lost");
    case "refused":
      return state.why ? t("term_refused", { why: state.why }) : t("term_none");
  }
}
