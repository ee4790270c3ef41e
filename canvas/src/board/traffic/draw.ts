/** Draws pulses on a canvas of the board's size. */

import type { Transform } from "../paint";
import type { Placed } from "../scene";
import { type Curve, curveOf, eased, middleOf, type Point, pointAt } from "./curve";
import type { Kind } from "./moves";
import { LASTS_MS, type Pulse } from "./pulses";

export type Colours = Readonly<Record<Kind | "surface", string>>;

/** Reads the theme's colours. */
export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    message: read("--accent"),
    delegation: read("--busy"),
    result: read("--good"),
    failure: read("--danger"),
    surface: read("--surface"),
  };
}

export interface Picture {
  pulses: readonly Pulse[];
  placed: ReadonlyMap<string, Placed>;
  transform: Transform;
  colours: Colours;
  now: number;
  /** Nothing moves: the whole way is shown for a while instead. */
  still: boolean;
}

/** Sizes in pixels of the window, whatever the zoom. */
const LINE = 2;
const HEAD = 5;
const FONT = "600 11px 'Inter Variable', sans-serif";
/** Pieces of a tail. */
const PIECES = 10;
/** How much of its way a tail is long. */
const TAIL = 0.22;

export function draw(context: CanvasRenderingContext2D, picture: Picture): void {
  const { canvas } = context;
  const scale = devicePixelRatio || 1;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, canvas.width / scale, canvas.height / scale);
  context.lineCap = "round";
  for (const pulse of picture.pulses) {
    const [from, to] = [picture.placed.get(pulse.from), picture.placed.get(pulse.to)];
    if (!from || !to) continue;
    if (pulse.from === pulse.to) ring(context, picture, pulse, from);
    else way(context, picture, pulse, curveOf(from, to));
  }
  context.globalAlpha = 1;
}

const onScreen = ({ x, y, zoom }: Transform, point: Point): Point => ({
  x: point.x * zoom + x,
  y: point.y * zoom + y,
});

function way(
  context: CanvasRenderingContext2D,
  picture: Picture,
  pulse: Pulse,
  whole: Curve,
): void {
  const { transform, colours, now, still } = picture;
  const curve = {
    from: onScreen(transform, whole.from),
    bend: onScreen(transform, whole.bend),
    to: onScreen(transform, whole.to),
  };
  const age = (now - pulse.began) / LASTS_MS;
  const colour = colours[pulse.kind];
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = LINE;
  context.globalAlpha = still ? 0.9 : 0.35 * (1 - age);
  context.beginPath();
  context.moveTo(curve.from.x, curve.from.y);
  context.quadraticCurveTo(curve.bend.x, curve.bend.y, curve.to.x, curve.to.y);
  context.stroke();
  const t = still ? 1 : eased(Math.min(1, age * 1.15));
  if (!still) tail(context, curve, t);
  context.globalAlpha = 1;
  const head = pointAt(curve, t);
  dot(context, head, colours.surface, colour);
  if (pulse.count > 1) number(context, head, pulse.count, colours.surface, colour);
}

function tail(context: CanvasRenderingContext2D, curve: Curve, t: number): void {
  let before = pointAt(curve, Math.max(0, t - TAIL));
  for (let piece = 1; piece <= PIECES; piece++) {
    const next = pointAt(curve, Math.max(0, t - TAIL + (TAIL * piece) / PIECES));
    context.globalAlpha = (piece / PIECES) * 0.9;
    context.lineWidth = LINE + (piece / PIECES) * 2;
    context.beginPath();
    context.moveTo(before.x, before.y);
    context.lineTo(next.x, next.y);
    context.stroke();
    before = next;
  }
}

function dot(context: CanvasRenderingContext2D, at: Point, edge: string, colour: string): void {
  context.beginPath();
  context.arc(at.x, at.y, HEAD, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = edge;
  context.stroke();
}

function number(
  context: CanvasRenderingContext2D,
  at: Point,
  count: number,
  ink: string,
  colour: string,
): void {
  const text = `×${count}`;
  context.font = FONT;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + 10;
  const left = at.x + HEAD + 3;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, at.y - 8, width, 16, 8);
  context.fill();
  context.fillStyle = ink;
  context.fillText(text, left + 5, at.y + 0.5);
}

/** Both ends are inside of one folded team. */
function ring(
  context: CanvasRenderingContext2D,
  picture: Picture,
  pulse: Pulse,
  box: Placed,
): void {
  const { transform, colours, now, still } = picture;
  const age = (now - pulse.began) / LASTS_MS;
  const at = onScreen(transform, box);
  const grown = still ? 3 : 2 + age * 8;
  const [width, height] = [box.width * transform.zoom, box.height * transform.zoom];
  context.globalAlpha = still ? 0.9 : 1 - age;
  context.strokeStyle = colours[pulse.kind];
  context.lineWidth = LINE;
  context.beginPath();
  context.roundRect(at.x - grown, at.y - grown, width + 2 * grown, height + 2 * grown, 10);
  context.stroke();
  context.globalAlpha = 1;
  if (pulse.count > 1) {
    const middle = onScreen(transform, middleOf(box));
    number(context, middle, pulse.count, colours.surface, colours[pulse.kind]);
  }
}
