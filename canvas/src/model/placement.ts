/** Where nodes lie and how large they are. Positions are relative to the parent's corner. Pure. */

import type { Org } from "./org";
import { ROOT, type Tree } from "./tree";

/** A leaf, and a collapsed team. */
export const NODE = { width: 248, height: 116 };
/** Room above a team's members for its own face, and around them. */
export const HEADER = 116;
export const PADDING = 20;
export const GAP = 24;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Boxes = Readonly<Record<string, Box>>;

/** Which workspaces are shown: those below a collapsed one are not. */
export function visible(org: Org, tree: Tree): Set<string> {
  const shown = new Set<string>();
  const walk = (id: string) => {
    shown.add(id);
    if (!org[id]?.collapsed) for (const child of tree.children[id] ?? []) walk(child);
  };
  for (const id of tree.children[ROOT] ?? []) walk(id);
  return shown;
}

/**
 * Lays the organisation out: stored positions are kept, those who have none (0, 0) get the first
 * free place of a grid, and teams grow around their members.
 */
export function place(org: Org, tree: Tree): Boxes {
  const boxes: Record<string, Box> = {};
  // In the order in which they came, so that a newcomer moves nobody.
  const rank = new Map(Object.keys(org).map((id, index) => [id, index]));
  placeMembers({ org, tree, rank }, ROOT, boxes);
  return boxes;
}

interface Plan {
  org: Org;
  tree: Tree;
  rank: ReadonlyMap<string, number>;
}

function placeMembers(plan: Plan, parent: string, boxes: Record<string, Box>): void {
  const { org, tree, rank } = plan;
  const members = [...(tree.children[parent] ?? [])];
  members.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  const taken: Box[] = [];
  const homeless: { id: string; size: { width: number; height: number } }[] = [];
  for (const id of members) {
    const size = sizeOf(plan, id, boxes);
    const workspace = org[id];
    if (!workspace) continue;
    if (workspace.x === 0 && workspace.y === 0) {
      homeless.push({ id, size });
      continue;
    }
    const box = { x: workspace.x, y: workspace.y, ...size };
    boxes[id] = box;
    taken.push(box);
  }
  shelve(homeless, taken, parent === ROOT, boxes);
}

/** The width of so many leaves side by side. */
const rowOf = (leaves: number) => leaves * NODE.width + (leaves - 1) * GAP;

/** Puts boxes on shelves, below whatever has a place already. */
function shelve(
  homeless: readonly { id: string; size: { width: number; height: number } }[],
  taken: readonly Box[],
  root: boolean,
  boxes: Record<string, Box>,
): void {
  const left = root ? 0 : PADDING;
  const top = root ? 0 : HEADER;
  const area = homeless.reduce(
    (sum, { size }) => sum + (size.width + GAP) * (size.height + GAP),
    0,
  );
  const wide = Math.max(rowOf(root ? 4 : 2), Math.sqrt(area) * 1.4);
  let x = left;
  let y = Math.max(top, ...taken.map((box) => box.y + box.height + GAP));
  let shelf = 0;
  for (const { id, size } of homeless) {
    if (x > left && x + size.width > left + wide) {
      x = left;
      y += shelf + GAP;
      shelf = 0;
    }
    boxes[id] = { x, y, ...size };
    x += size.width + GAP;
    shelf = Math.max(shelf, size.height);
  }
}

function sizeOf(plan: Plan, id: string, boxes: Record<string, Box>) {
  const { org, tree } = plan;
  const members = tree.children[id] ?? [];
  if (members.length === 0 || org[id]?.collapsed) return { ...NODE };
  placeMembers(plan, id, boxes);
  let [width, height] = [NODE.width, NODE.height];
  for (const member of members) {
    const box = boxes[member];
    if (!box) continue;
    width = Math.max(width, box.x + box.width + PADDING);
    height = Math.max(height, box.y + box.height + PADDING);
  }
  return { width, height };
}

/** The box of `id` in the coordinates of the whole canvas. */
export function absolute(org: Org, boxes: Boxes, id: string): Box | undefined {
  const own = boxes[id];
  if (!own) return undefined;
  const box = { ...own };
  let up = org[id]?.parent_id ?? null;
  for (let hops = 0; up !== null && org[up] && hops < 64; hops++) {
    box.x += boxes[up]?.x ?? 0;
    box.y += boxes[up]?.y ?? 0;
    up = org[up]?.parent_id ?? null;
  }
  return box;
}
