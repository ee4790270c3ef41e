/** What the board draws: nodes for xyflow, and boxes in the coordinates of the whole canvas. Pure. */

import type { Node } from "@xyflow/react";
import type { Status } from "../api/types";
import type { Org } from "../model/org";
import { absolute, type Box, type Boxes, visible } from "../model/placement";
import { descendants, parentOf, type Tree } from "../model/tree";

export interface FaceData extends Record<string, unknown> {
  /** Direct members. */
  members: number;
  /** Everybody below, shown or not. */
  below: number;
  /** Its members are not shown. */
  folded: boolean;
}

export type FaceNode = Node<FaceData, "workspace">;

export interface Placed extends Box {
  id: string;
  depth: number;
  /** It has members that are drawn inside. */
  team: boolean;
}

export interface Scene {
  nodes: readonly FaceNode[];
  /** Parents before their members. */
  placed: readonly Placed[];
  bounds: Box;
}

const SHEET = { pointerEvents: "none" } as const;

export function sceneOf(org: Org, tree: Tree, boxes: Boxes): Scene {
  const shown = visible(org, tree);
  const nodes: FaceNode[] = [];
  const placed: Placed[] = [];
  for (const id of tree.order) {
    const box = boxes[id];
    const whole = absolute(org, boxes, id);
    if (!shown.has(id) || !box || !whole) continue;
    const members = tree.children[id]?.length ?? 0;
    const folded = members > 0 && (org[id]?.collapsed ?? false);
    const parent = parentOf(org, id);
    nodes.push({
      id,
      type: "workspace",
      position: { x: box.x, y: box.y },
      width: box.width,
      height: box.height,
      // Known, so that xyflow need not draw every node once to measure it.
      measured: { width: box.width, height: box.height },
      handles: [],
      // The room inside a team is the sheet: it can be panned, and selected in.
      ...(members > 0 && !folded ? { style: SHEET } : {}),
      ...(parent === null ? {} : { parentId: parent }),
      data: { members, below: members === 0 ? 0 : descendants(tree, id).length, folded },
    });
    placed.push({ id, ...whole, depth: tree.depth[id] ?? 0, team: members > 0 && !folded });
  }
  return { nodes, placed, bounds: boundsOf(placed) };
}

function boundsOf(placed: readonly Box[]): Box {
  if (placed.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of placed) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The innermost box at a point; those of which `except` holds are looked through. */
export function hit(
  placed: readonly Placed[],
  point: { x: number; y: number },
  except?: (id: string) => boolean,
): Placed | undefined {
  return placed.findLast(
    (box) =>
      point.x >= box.x &&
      point.x <= box.x + box.width &&
      point.y >= box.y &&
      point.y <= box.y + box.height &&
      !except?.(box.id),
  );
}

/** Whether more than `most` boxes would be seen. */
export function seesMore(
  placed: readonly Box[],
  [x, y, zoom]: readonly [number, number, number],
  size: { width: number; height: number },
  most: number,
): boolean {
  if (placed.length <= most) return false;
  const [left, top] = [-x / zoom, -y / zoom];
  const [right, bottom] = [left + size.width / zoom, top + size.height / zoom];
  let seen = 0;
  for (const box of placed) {
    const away =
      box.x > right || box.y > bottom || box.x + box.width < left || box.y + box.height < top;
    if (!away && ++seen > most) return true;
  }
  return false;
}

/** How many messages wait for those below `id`. */
export function depthBelow(org: Org, tree: Tree, id: string): number {
  return descendants(tree, id).reduce((sum, one) => sum + (org[one]?.queue_depth ?? 0), 0);
}

/** From the most to the least worrying. */
const WORST: readonly Status[] = [
  "failed",
  "offline",
  "degraded",
  "provisioning",
  "awaiting_agent",
  "paused",
  "hibernated",
];

/** The most worrying status below `id`. */
export function worstBelow(org: Org, tree: Tree, id: string): Status {
  const found = new Set(descendants(tree, id).map((one) => org[one]?.status));
  return WORST.find((status) => found.has(status)) ?? "online";
}
