/** One file: read, edited, written if nobody else has written it since. */

import { useCallback, useEffect, useState } from "react";
import { type FileText, type Root, readFile, writeFile } from "../../api/files";
import { ApiError } from "../../api/http";
import { draftOf, dropDraft, keepDraft } from "./drafts";
import { type Kind, kindOf } from "./paths";

export interface Conflict {
  /** What is there now; `null` when the file is gone. */
  theirs: FileText | null;
}

export interface OpenFile {
  file: FileText | undefined;
  /** Another one whenever the text comes from the server, and not from here. */
  revision: number;
  kind: Kind | undefined;
  text: string;
  dirty: boolean;
  busy: boolean;
  error: unknown;
  conflict: Conflict | null;
  edit(text: string): void;
  /** Writes; resolves with whether it was written. */
  save(over?: boolean): Promise<boolean>;
  /** Takes what is there now, and drops what was edited. */
  takeTheirs(): void;
  reload(): void;
}

export function useFile(id: string, root: Root, path: string): OpenFile {
  const [file, setFile] = useState<FileText>();
  const [text, setText] = useState("");
  const [revision, setRevision] = useState(0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [round, setRound] = useState(0);
  const show = useCallback((next: FileText) => {
    setFile(next);
    setText(next.content);
    setRevision((one) => one + 1);
    setError(undefined);
    setConflict(null);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a wish to read again
  useEffect(() => {
    let wanted = true;
    readFile(id, root, path).then(
      (read) => {
        if (!wanted) return;
        show(read);
        const draft = draftOf(id, root, path);
        if (!draft) return;
        // Saving asks whether the file is still what it was when the editing began.
        setFile({ ...read, tag: draft.tag });
        setText(draft.text);
      },
      (failure: unknown) => wanted && setError(failure),
    );
    return () => {
      wanted = false;
    };
  }, [id, root, path, round, show]);

  const save = async (over = false) => {
    if (!file) return false;
    setBusy(true);
    try {
      const expected = over || file.tag === null ? "anything" : { tag: file.tag };
      const tag = await writeFile(id, root, path, text, expected);
      const size = new TextEncoder().encode(text).length;
      setFile({ content: text, size, lossy: false, truncated: false, tag });
      setConflict(null);
      setError(undefined);
      dropDraft(id, root, path);
      return true;
    } catch (failure) {
      const clash = failure instanceof ApiError && [409, 412].includes(failure.status);
      if (clash) setConflict({ theirs: await readFile(id, root, path).catch(() => null) });
      else setError(failure);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return {
    file,
    revision,
    kind: file && kindOf(file),
    text,
    dirty: file !== undefined && text !== file.content,
    busy,
    error,
    conflict,
    edit(next) {
      setText(next);
      if (!file) return;
      if (next === file.content) dropDraft(id, root, path);
      else keepDraft({ id, root, path, text: next, tag: file.tag });
    },
    save,
    takeTheirs() {
      dropDraft(id, root, path);
      if (conflict?.theirs) show(conflict.theirs);
      else setRound((one) => one + 1);
    },
    reload: () => setRound((one) => one + 1),
  };
}
