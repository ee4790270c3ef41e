/** The answer of an import. Pure. */

import type { Imported } from "../../api/lifecycle";

/** Every workspace of the answer, parents before children. */
export function flat(result: Imported): { one: Imported; depth: number }[] {
  const found: { one: Imported; depth: number }[] = [];
  const stack = [{ one: result, depth: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { one, depth } = next;
    found.push(next);
    for (const child of [...(one.children ?? [])].reverse()) {
      stack.push({ one: child, depth: depth + 1 });
    }
  }
  return found;
}

/** How many were not made. */
export const lost = (result: Imported): number =>
  flat(result).filter(({ one }) => one.error !== undefined || one.status === "failed").length;
