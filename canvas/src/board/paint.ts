/** Paints many boxes on one canvas: from afar a team of thousands is one picture. */

import { LOOK } from "../kit/status";
import type { Org } from "../model/org";
import { HEADER } from "../model/placement";
import type { Placed } from "./scene";

export interface Transform {
  x: number;
  y: number;
  zoom: number;
}

export interface Palette {
  surface: string;
  raised: string;
  line: string;
  ink: string;
  accent: string;
  warn: string;
  of: Readonly<Record<string, string>>;
}

/** Reads the theme's colours once, not once a box. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  const of = Object.fromEntries(
    Object.entries(LOOK).map(([status, look]) => [status, read(look.paint)]),
  );
  return {
    surface: read("--surface"),
    raised: read("--raised"),
    line: read("--line-strong"),
    ink: read("--ink"),
    accent: read("--accent"),
    warn: read("--warn"),
    of,
  };
}

/** A title needs this many pixels of width, and a team's face this many of height. */
const TITLE_FROM = 70;
const FACE_FROM = 15;
/** A team whose face is too low for a title has it across its members, from this width on. */
const ACROSS_FROM = 110;
/** Boxes smaller than this are drawn this large, so that nobody disappears. */
const SMALLEST = 1.5;
const DOT = 4.5;

export interface Picture {
  placed: readonly Placed[];
  org: Org;
  palette: Palette;
  transform: Transform;
  selected: ReadonlySet<string>;
  /** Workspaces that wait for a person, and for how many answers. */
  asking?: Readonly<Record<string, number>>;
  /** Workspaces that a search or filter leaves out. */
  dimmed: (id: string) => boolean;
}

export function paint(context: CanvasRenderingContext2D, picture: Picture): void {
  const { canvas } = context;
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.width / scale, canvas.height / scale];
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const { palette, transform, org } = picture;
  for (const box of picture.placed) {
    const x = box.x * transform.zoom + transform.x;
    const y = box.y * transform.zoom + transform.y;
    const w = Math.max(box.width * transform.zoom, SMALLEST);
    const h = Math.max(box.height * transform.zoom, SMALLEST);
    if (x > width || y > height || x + w < 0 || y + h < 0) continue;
    const workspace = org[box.id];
    if (!workspace) continue;
    context.globalAlpha = picture.dimmed(box.id) ? 0.25 : 1;
    const colour = palette.of[workspace.status] ?? palette.line;
    if (box.team) {
      context.fillStyle = box.depth % 2 === 0 ? palette.surface : palette.raised;
      context.fillRect(x, y, w, h);
      context.fillStyle = colour;
      context.fillRect(x, y, w, Math.max(1, Math.min(4, h * 0.04)));
      context.strokeStyle = palette.line;
      context.lineWidth = 0.5;
      context.strokeRect(x, y, w, h);
    } else {
      context.fillStyle = colour;
      context.fillRect(x, y, w, h);
    }
    if (picture.selected.has(box.id)) {
      context.strokeStyle = palette.accent;
      context.lineWidth = 2;
      context.strokeRect(x - 1, y - 1, w + 2, h + 2);
    }
    if (!box.team && w >= TITLE_FROM && h >= FACE_FROM) {
      inside(context, workspace.name, palette.surface, { x, y: y + 4, w });
    }
  }
  // Over the members, whose parents come first.
  for (const box of picture.placed) if (box.team) teamTitle(context, picture, box);
  for (const box of picture.placed) if (picture.asking?.[box.id]) ask(context, picture, box);
  context.globalAlpha = 1;
}

/** A dot at the corner of who waits for a person: however small the box, it is seen. */
function ask(
  context: CanvasRenderingContext2D,
  { transform, palette }: Picture,
  box: Placed,
): void {
  const x = (box.x + box.width) * transform.zoom + transform.x;
  const y = box.y * transform.zoom + transform.y;
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x - 1, y + 1, DOT, 0, 2 * Math.PI);
  context.fillStyle = palette.warn;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = palette.surface;
  context.stroke();
}

interface Line {
  x: number;
  y: number;
  w: number;
}

const FONT = "11px 'Inter Variable', sans-serif";
/** Longer names are cut before they are measured. */
const MAX_NAME = 60;

function teamTitle(context: CanvasRenderingContext2D, picture: Picture, box: Placed): void {
  const { transform, palette, org } = picture;
  const [x, y] = [box.x * transform.zoom + transform.x, box.y * transform.zoom + transform.y];
  const [w, h] = [box.width * transform.zoom, box.height * transform.zoom];
  const name = org[box.id]?.name ?? "";
  context.globalAlpha = picture.dimmed(box.id) ? 0.25 : 1;
  if (HEADER * transform.zoom >= FACE_FROM) {
    if (w >= TITLE_FROM) inside(context, name, palette.ink, { x, y: y + 5, w });
    return;
  }
  if (w < ACROSS_FROM || box.depth > 0) return;
  context.font = FONT;
  context.textBaseline = "middle";
  const text = name.slice(0, MAX_NAME);
  const wide = Math.min(context.measureText(text).width, w - 16);
  const middle = y + h / 2;
  context.fillStyle = palette.surface;
  context.fillRect(x + w / 2 - wide / 2 - 5, middle - 9, wide + 10, 18);
  context.fillStyle = palette.ink;
  context.fillText(text, x + w / 2 - wide / 2, middle, wide);
}

function inside(context: CanvasRenderingContext2D, name: string, ink: string, at: Line): void {
  context.save();
  context.beginPath();
  context.rect(at.x + 2, at.y - 2, at.w - 4, 18);
  context.clip();
  context.font = FONT;
  context.textBaseline = "top";
  context.fillStyle = ink;
  context.fillText(name.slice(0, MAX_NAME), at.x + 4, at.y);
  context.restore();
}
