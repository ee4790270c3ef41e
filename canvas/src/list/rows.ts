/** Which rows the list shows, and in what order. Pure. */

import type { Status, Workspace } from "../api/types";
import { matcher } from "../model/match";
import type { Org } from "../model/org";
import { ROOT, type Tree } from "../model/tree";

export type SortKey = "name" | "status" | "errors" | "beat";

export interface Row {
  id: string;
  /** 0 for those that report to nobody, and for all while sorted. */
  depth: number;
  /** Its place among its siblings, from 1, and how many they are. */
  place: number;
  siblings: number;
  /** Whether there are members below; `null` when it has none. */
  open: boolean | null;
  /** It does not match; somebody below it does. */
  dimmed: boolean;
}

export interface Query {
  search: string;
  statuses: ReadonlySet<Status>;
  /** `null`: by reporting lines. */
  sort: SortKey | null;
  collapsed(id: string): boolean;
}

/** Returns the rows from top to bottom. */
export function rowsOf(org: Org, tree: Tree, query: Query): Row[] {
  const fits = matcher(query.search, query.statuses);
  const matches = (workspace: Workspace | undefined) => workspace !== undefined && fits(workspace);
  const filtered = query.search.trim() !== "" || query.statuses.size > 0;
  if (query.sort) return sorted(org, tree, query.sort, matches);
  const kept = filtered ? withAncestors(org, tree, matches) : undefined;
  const rows: Row[] = [];
  const walk = (parent: string, depth: number) => {
    const members = (tree.children[parent] ?? []).filter((id) => !kept || kept.has(id));
    for (const [index, id] of members.entries()) {
      const team = (tree.children[id] ?? []).some((child) => !kept || kept.has(child));
      const open = team ? kept !== undefined || !query.collapsed(id) : null;
      const dimmed = kept !== undefined && !kept.get(id);
      rows.push({ id, depth, place: index + 1, siblings: members.length, open, dimmed });
      if (open) walk(id, depth + 1);
    }
  };
  walk(ROOT, 0);
  return rows;
}

/** Those that match (`true`), and those above them (`false`). */
function withAncestors(
  org: Org,
  tree: Tree,
  matches: (workspace: Workspace | undefined) => boolean,
): Map<string, boolean> {
  const kept = new Map<string, boolean>();
  // From below: by then everybody underneath has been looked at.
  for (let index = tree.order.length - 1; index >= 0; index--) {
    const id = tree.order[index] as string;
    if (matches(org[id])) kept.set(id, true);
    else if (tree.children[id]?.some((child) => kept.has(child))) kept.set(id, false);
  }
  return kept;
}

/** Trouble first; those who wait next; the quiet last. */
const URGENCY: Readonly<Record<Status, number>> = {
  failed: 0,
  degraded: 1,
  offline: 2,
  provisioning: 3,
  awaiting_agent: 4,
  online: 5,
  paused: 6,
  hibernating: 7,
  hibernated: 8,
  removed: 9,
};

const beat = (workspace: Workspace) =>
  workspace.last_heartbeat_at ? Date.parse(workspace.last_heartbeat_at) : 0;

const ORDER: Readonly<Record<SortKey, (a: Workspace, b: Workspace) => number>> = {
  name: (a, b) => a.name.localeCompare(b.name),
  status: (a, b) => URGENCY[a.status] - URGENCY[b.status],
  errors: (a, b) => b.last_error_rate - a.last_error_rate,
  beat: (a, b) => beat(b) - beat(a),
};

function sorted(
  org: Org,
  tree: Tree,
  key: SortKey,
  matches: (workspace: Workspace | undefined) => boolean,
): Row[] {
  const found = tree.order.flatMap((id) => {
    const workspace = org[id];
    return workspace && matches(workspace) ? [workspace] : [];
  });
  // The sort is stable: equals stay by reporting lines.
  found.sort(ORDER[key]);
  return found.map(({ id }, index) => ({
    id,
    depth: 0,
    place: index + 1,
    siblings: found.length,
    open: null,
    dimmed: false,
  }));
}
