/** Who may talk to whom (docs/api/communication-rules.md), and what a move would change. Pure. */

import type { Org } from "./org";
import { ancestors, parentOf } from "./tree";

/** Whether two workspaces may exchange messages. */
export function mayTalk(org: Org, a: string, b: string): boolean {
  if (a === b) return true;
  if (org[a] === undefined || org[b] === undefined) return false;
  return (
    parentOf(org, a) === parentOf(org, b) ||
    ancestors(org, a).includes(b) ||
    ancestors(org, b).includes(a)
  );
}

export interface Contact {
  /** The one that moves, or goes along. */
  from: string;
  with: string;
}

export interface MovePreview {
  gained: Contact[];
  lost: Contact[];
}

/** Why `id` cannot report to `parent`; `null` when it can. */
export function refusal(org: Org, id: string, parent: string | null): "self" | "below" | null {
  if (parent === null) return null;
  if (parent === id) return "self";
  return ancestors(org, parent).includes(id) ? "below" : null;
}

/** Who would gain and who would lose access to whom if `ids` reported to `parent`. */
export function previewMove(org: Org, ids: readonly string[], parent: string | null): MovePreview {
  const after: Record<string, Org[string]> = { ...org };
  for (const id of ids) {
    const workspace = org[id];
    if (workspace) after[id] = { ...workspace, parent_id: parent };
  }
  // Everybody below comes along, and their paths upwards change.
  const moving = new Set(ids);
  for (const id of Object.keys(org)) {
    if (ancestors(org, id).some((up) => ids.includes(up))) moving.add(id);
  }
  const preview: MovePreview = { gained: [], lost: [] };
  for (const from of moving) {
    for (const other of Object.keys(org)) {
      if (other === from || (moving.has(other) && other < from)) continue;
      const [before, now] = [mayTalk(org, from, other), mayTalk(after, from, other)];
      if (before === now) continue;
      (now ? preview.gained : preview.lost).push({ from, with: other });
    }
  }
  return preview;
}
