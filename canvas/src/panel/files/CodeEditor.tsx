/** The editor itself: CodeMirror, with the nonce of the page for its styles. */

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { getNonce } from "get-nonce";
import { useEffect, useRef } from "react";
import { languageOf } from "./paths";

interface Props {
  /** Its accessible name. */
  label: string;
  path: string;
  /** What it begins with. */
  text: string;
  readOnly: boolean;
  onChange(text: string): void;
  onSave(): void;
}

export default function CodeEditor(props: Props) {
  const { readOnly } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const locked = useRef(new Compartment());
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    if (!place.current) return;
    const lock = locked.current;
    const save = () => {
      latest.current.onSave();
      return true;
    };
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: latest.current.text,
        extensions: [
          ...basics(latest.current.label, latest.current.path),
          lock.of(EditorState.readOnly.of(latest.current.readOnly)),
          keymap.of([{ key: "Mod-s", run: save }]),
          EditorView.updateListener.of(
            (update) => update.docChanged && latest.current.onChange(update.state.doc.toString()),
          ),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);
  useEffect(() => {
    const effects = locked.current.reconfigure(EditorState.readOnly.of(readOnly));
    view.current?.dispatch({ effects });
  }, [readOnly]);
  return (
    <div
      ref={place}
      data-testid="editor"
      dir="ltr"
      className="min-h-0 grow overflow-hidden rounded-md border border-line-strong bg-surface focus-within:border-accent [&>.cm-editor]:h-full"
    />
  );
}

function basics(label: string, path: string): Extension[] {
  const language = languageOf(path);
  return [
    EditorView.cspNonce.of(getNonce() ?? ""),
    EditorView.contentAttributes.of({ "aria-label": label }),
    lineNumbers(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    bracketMatching(),
    highlightSelectionMatches(),
    EditorView.lineWrapping,
    syntaxHighlighting(COLOURS),
    LOOK,
    ...(language === "yaml" ? [yaml()] : language === "json" ? [json()] : []),
    // Escape, then Tab, leaves the editor: CodeMirror's own way.
    keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
  ];
}

/** By the page's own colours, so that both themes are right. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--busy)" },
  { tag: [tags.comment, tags.meta], color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

const LOOK = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": {
    backgroundColor: "var(--raised)",
    color: "var(--muted)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--raised)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--accent-soft)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", borderColor: "var(--line-strong)" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)" },
});
