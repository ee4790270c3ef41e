/** Where a drag would end: whom the dragged nodes would report to. */

import { create } from "zustand";
import { refusal } from "../model/access";
import { absolute, type Boxes, HEADER, PADDING } from "../model/placement";
import { parentOf } from "../model/tree";
import type { Move } from "../store/arrange";
import { useOrg } from "../store/org";
import { hit, type Placed } from "./scene";

export interface DropState {
  /** The node that would become the parent; `null`: none, or it stays where it is. */
  target: string | null;
  /** It cannot. */
  refused: boolean;
}

export const useDrop = create<DropState>(() => ({ target: null, refused: false }));

export type Drop = { kind: "move" } | { kind: "nest"; parent: string | null } | { kind: "refused" };

/** Decides what dropping `ids` at a point of the canvas means. */
export function dropAt(
  placed: readonly Placed[],
  ids: readonly string[],
  point: { x: number; y: number },
): Drop {
  const { org } = useOrg.getState();
  const moving = new Set(ids);
  const under = hit(placed, point, (id) => moving.has(id) || hasMovingAncestor(id, moving));
  const parent = under?.id ?? null;
  if (ids.every((id) => parentOf(org, id) === parent)) return { kind: "move" };
  if (ids.some((id) => refusal(org, id, parent) !== null)) return { kind: "refused" };
  return { kind: "nest", parent };
}

function hasMovingAncestor(id: string, moving: ReadonlySet<string>): boolean {
  const { org } = useOrg.getState();
  for (let up = parentOf(org, id), hops = 0; up !== null && hops < 64; hops++) {
    if (moving.has(up)) return true;
    up = parentOf(org, up);
  }
  return false;
}

export function show(drop: Drop): void {
  const target = drop.kind === "nest" ? drop.parent : null;
  const refused = drop.kind === "refused";
  const now = useDrop.getState();
  if (now.target !== target || now.refused !== refused) useDrop.setState({ target, refused });
}

/** A point of the canvas in the coordinates of a parent, inside it. */
export function within(
  boxes: Boxes,
  parent: string | null,
  point: { x: number; y: number },
): { x: number; y: number } {
  if (parent === null) return whole(point);
  const outer = absolute(useOrg.getState().org, boxes, parent);
  return inside(parent, { x: point.x - (outer?.x ?? 0), y: point.y - (outer?.y ?? 0) });
}

/** Members lie below their team's face; and (0, 0) stands for no place at all. */
export function inside(
  parent: string | null,
  position: { x: number; y: number },
): { x: number; y: number } {
  if (parent === null) return whole(position);
  return whole({ x: Math.max(position.x, PADDING), y: Math.max(position.y, HEADER) });
}

function whole({ x, y }: { x: number; y: number }): { x: number; y: number } {
  const [left, top] = [Math.round(x), Math.round(y)];
  return left === 0 && top === 0 ? { x: 1, y: 0 } : { x: left, y: top };
}

/**
 * The moves of a drag. Siblings without a place of their own are pinned where they are shown, or
 * they would flow around the one that was moved.
 */
export function movesOf(
  positions: ReadonlyMap<string, { x: number; y: number }>,
  boxes: Boxes,
): Move[] {
  const { org, tree } = useOrg.getState();
  const moves: Move[] = [];
  const parents = new Set<string | null>();
  for (const [id, position] of positions) {
    const was = org[id];
    if (!was) continue;
    const parent = parentOf(org, id);
    parents.add(parent);
    moves.push({ id, from: { x: was.x, y: was.y }, to: inside(parent, position) });
  }
  for (const parent of parents) {
    for (const id of tree.children[parent ?? ""] ?? []) {
      const [sibling, box] = [org[id], boxes[id]];
      if (!sibling || !box || positions.has(id) || sibling.x !== 0 || sibling.y !== 0) continue;
      moves.push({ id, from: { x: 0, y: 0 }, to: whole(box) });
    }
  }
  return moves;
}
