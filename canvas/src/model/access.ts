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
  const [before, then] = [linesOf(org), linesOf(after)];
  // Everybody below comes along, and their paths upwards change.
  const moving = new Set(ids.filter((id) => org[id] !== undefined));
  for (const [id, { above }] of before) if (ids.some((up) => above.has(up))) moving.add(id);
  const preview: MovePreview = { gained: [], lost: [] };
  for (const from of moving) {
    for (const other of before.keys()) {
      if (other === from || (moving.has(other) && other < from)) continue;
      const [was, is] = [meet(before, from, other), meet(then, from, other)];
      if (was !== is) (is ? preview.gained : preview.lost).push({ from, with: other });
    }
  }
  return preview;
}

/** The parent of each, and everybody above: a team of hundreds is compared with thousands. */
type Lines = ReadonlyMap<string, { parent: string | null; above: ReadonlySet<string> }>;

function linesOf(org: Org): Lines {
  return new Map(
    Object.keys(org).map((id) => [
      id,
      { parent: parentOf(org, id), above: new Set(ancestors(org, id)) },
    ]),
  );
}

/** As [`mayTalk`], for two that are there and are not the same. */
function meet(lines: Lines, a: string, b: string): boolean {
  const [one, other] = [lines.get(a), lines.get(b)];
  if (!one || !other) return false;
  return one.parent === other.parent || one.above.has(b) || other.above.has(a);
}
