/** Arrow keys on the chart. Pure. */

import type { Org } from "../model/org";
import { parentOf, ROOT, type Tree } from "../model/tree";

export type Direction = "up" | "down" | "left" | "right";

/** Where an arrow key leads from `id`: up to the parent, down to the first member, across to siblings. */
export function walk(
  org: Org,
  tree: Tree,
  id: string | null,
  direction: Direction,
): string | undefined {
  if (id === null || org[id] === undefined) return tree.children[ROOT]?.[0];
  const parent = parentOf(org, id);
  if (direction === "up") return parent ?? undefined;
  if (direction === "down") return org[id]?.collapsed ? undefined : tree.children[id]?.[0];
  const siblings = tree.children[parent ?? ROOT] ?? [];
  const step = direction === "left" ? -1 : 1;
  return siblings[siblings.indexOf(id) + step];
}
