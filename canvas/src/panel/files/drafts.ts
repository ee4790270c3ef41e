/** What was edited and not saved: it outlives the tab, as long as the page is open. */

import type { Root } from "../../api/files";

export interface Draft {
  id: string;
  root: Root;
  path: string;
  text: string;
  /** What the file was when the editing began. */
  tag: string | null;
}

/** Drafts that are kept; the oldest makes room. */
const MOST = 20;

const drafts = new Map<string, Draft>();

const keyOf = (id: string, root: Root, path: string) => JSON.stringify([id, root, path]);

export function keepDraft(draft: Draft): void {
  const key = keyOf(draft.id, draft.root, draft.path);
  drafts.delete(key);
  drafts.set(key, draft);
  const [oldest] = drafts.keys();
  if (drafts.size > MOST && oldest !== undefined) drafts.delete(oldest);
}

export const draftOf = (id: string, root: Root, path: string): Draft | undefined =>
  drafts.get(keyOf(id, root, path));

export const dropDraft = (id: string, root: Root, path: string): void =>
  void drafts.delete(keyOf(id, root, path));

/** The newest of a workspace. */
export const newestDraft = (id: string): Draft | undefined =>
  [...drafts.values()].filter((draft) => draft.id === id).at(-1);
