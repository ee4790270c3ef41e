/** The way of a pulse between two faces. Pure; in the coordinates of the canvas. */

import { NODE } from "../../model/placement";
import type { Placed } from "../scene";

export interface Point {
  x: number;
  y: number;
}

/** A quadratic Bézier curve. */
export interface Curve {
  from: Point;
  bend: Point;
  to: Point;
}

/** How far a curve bends, as a share of its length: both directions are two curves. */
const BEND = 0.16;

/** The middle of a face: of a team the face is above its members. */
export function middleOf(box: Placed): Point {
  const height = box.team ? NODE.height : box.height;
  return { x: box.x + box.width / 2, y: box.y + height / 2 };
}

export function curveOf(from: Placed, to: Placed): Curve {
  const [a, b] = [middleOf(from), middleOf(to)];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const bend = { x: (a.x + b.x) / 2 - dy * BEND, y: (a.y + b.y) / 2 + dx * BEND };
  return { from: a, bend, to: b };
}

/** The point at `t`, from 0 to 1. */
export function pointAt({ from, bend, to }: Curve, t: number): Point {
  const s = 1 - t;
  return {
    x: s * s * from.x + 2 * s * t * bend.x + t * t * to.x,
    y: s * s * from.y + 2 * s * t * bend.y + t * t * to.y,
  };
}

/** Begins and ends gently. */
export const eased = (t: number) => t * t * (3 - 2 * t);
