/** Whom a removal or a move takes along. Pure. */

import type { Org } from "../model/org";
import { ancestors, type Tree } from "../model/tree";

/** Those of `ids` that are there and are not below another of them. */
export function topmost(org: Org, ids: readonly string[]): string[] {
  const chosen = new Set(ids.filter((id) => org[id] !== undefined));
  return [...chosen].filter((id) => !ancestors(org, id).some((up) => chosen.has(up)));
}

export interface Fallen {
  id: string;
  depth: number;
}

/** `roots` and everybody below them, each under its own, with the depth below its root. */
export function cascade(tree: Tree, roots: readonly string[]): Fallen[] {
  const found: Fallen[] = [];
  const stack = [...roots].reverse().map((id) => ({ id, depth: 0 }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { id, depth } = next;
    found.push(next);
    for (const child of [...(tree.children[id] ?? [])].reverse()) {
      stack.push({ id: child, depth: depth + 1 });
    }
  }
  return found;
}
