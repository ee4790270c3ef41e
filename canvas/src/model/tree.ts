/** The chart: who reports to whom. Pure; derived from the organisation when somebody moves. */

import type { Org } from "./org";

/** The key under which workspaces without a parent are listed. */
export const ROOT = "";

export interface Tree {
  /** Children by parent id, by name then id; [`ROOT`] for those that report to nobody. */
  children: Readonly<Record<string, readonly string[]>>;
  /** Every workspace once, parents before children, depth first. */
  order: readonly string[];
  depth: Readonly<Record<string, number>>;
}

/** A parent that is not in the organisation (it was removed) counts as none. */
export function parentOf(org: Org, id: string): string | null {
  const parent = org[id]?.parent_id ?? null;
  return parent !== null && org[parent] !== undefined && parent !== id ? parent : null;
}

export function treeOf(org: Org): Tree {
  const children: Record<string, string[]> = { [ROOT]: [] };
  for (const id of Object.keys(org)) {
    const key = parentOf(org, id) ?? ROOT;
    children[key] ??= [];
    children[key].push(id);
  }
  for (const list of Object.values(children)) list.sort(byName(org));
  const order: string[] = [];
  const depth: Record<string, number> = {};
  const stack = [...(children[ROOT] ?? [])].reverse().map((id) => ({ id, level: 0 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { id, level } = next;
    order.push(id);
    depth[id] = level;
    for (const child of [...(children[id] ?? [])].reverse()) {
      stack.push({ id: child, level: level + 1 });
    }
  }
  return { children, order, depth };
}

export function byName(org: Org): (a: string, b: string) => number {
  return (a, b) => {
    const [left, right] = [org[a]?.name ?? "", org[b]?.name ?? ""];
    return left.localeCompare(right) || (a < b ? -1 : 1);
  };
}

/** Everyone below `id`, at any depth, nearest first. */
export function descendants(tree: Tree, id: string): string[] {
  const found: string[] = [];
  let level = [...(tree.children[id] ?? [])];
  while (level.length > 0) {
    found.push(...level);
    level = level.flatMap((child) => tree.children[child] ?? []);
  }
  return found;
}

/** Everyone above `id`, nearest first. */
export function ancestors(org: Org, id: string): string[] {
  const found: string[] = [];
  const seen = new Set([id]);
  for (let up = parentOf(org, id); up !== null && !seen.has(up); up = parentOf(org, up)) {
    seen.add(up);
    found.push(up);
  }
  return found;
}
