/** Files for the next message: chosen, dropped or pasted. */

import { type ClipboardEvent, type DragEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { size } from "../kit/bytes";
import { MOST_BYTES_EACH, MOST_FILES, tooMuch } from "./attachments";

export interface Files {
  files: readonly File[];
  /** Why they were not taken or not sent; empty when nothing is wrong. */
  error: string;
  /** Something is held over where it can be dropped. */
  over: boolean;
  add(more: Iterable<File>): void;
  remove(file: File): void;
  clear(): void;
  fail(why: string): void;
  /** What the place where files can be dropped listens to. */
  target: {
    onDragOver(event: DragEvent): void;
    onDragLeave(event: DragEvent): void;
    onDrop(event: DragEvent): void;
    onPaste(event: ClipboardEvent): void;
  };
}

const carries = (event: DragEvent) => event.dataTransfer.types.includes("Files");

export function useFiles(disabled: boolean): Files {
  const { t } = useTranslation("panel");
  const [files, setFiles] = useState<readonly File[]>([]);
  const [error, setError] = useState("");
  const [over, setOver] = useState(false);
  const add = (more: Iterable<File>) => {
    const all = [...files, ...more];
    const why = tooMuch(all);
    setError(why ? t(why, { count: MOST_FILES, size: size(MOST_BYTES_EACH) }) : "");
    if (!why) setFiles(all);
  };
  const change = (next: readonly File[]) => {
    setFiles(next);
    setError("");
  };
  return {
    files,
    error,
    over,
    add,
    remove: (file) => change(files.filter((one) => one !== file)),
    clear: () => change([]),
    fail: setError,
    target: {
      onDragOver(event) {
        if (!carries(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = disabled ? "none" : "copy";
        setOver(!disabled);
      },
      onDragLeave(event) {
        const to = event.relatedTarget;
        if (!(to instanceof Node && event.currentTarget.contains(to))) setOver(false);
      },
      onDrop(event) {
        if (!carries(event)) return;
        // Else the browser would leave the page for the file.
        event.preventDefault();
        setOver(false);
        if (!disabled) add(event.dataTransfer.files);
      },
      onPaste(event) {
        if (disabled || event.clipboardData.files.length === 0) return;
        event.preventDefault();
        add(event.clipboardData.files);
      },
    },
  };
}
