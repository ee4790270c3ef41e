/** Paints many boxes on one canvas: from afar a team of thousands is one picture. */

import { LOOK } from "../kit/status";
import type { Org } from "../model/org";
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
    of,
  };
}

/** A title needs this many pixels of width. */
const TITLE_FROM = 70;
/** Boxes smaller than this are drawn this large, so that nobody disappears. */
const SMALLEST = 1.5;

export interface Picture {
  placed: readonly Placed[];
  org: Org;
  palette: Palette;
  transform: Transform;
  selected: ReadonlySet<string>;
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
      context.fillRect(x, y, w, Math.max(1, Math.min(6, h * 0.06)));
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
    if (w >= TITLE_FROM) title(context, picture, box, workspace.name, { x, y, w, h });
  }
  context.globalAlpha = 1;
}

function title(
  context: CanvasRenderingContext2D,
  { palette }: Picture,
  box: Placed,
  name: string,
  at: { x: number; y: number; w: number; h: number },
): void {
  context.save();
  context.beginPath();
  context.rect(at.x + 2, at.y, at.w - 4, at.h);
  context.clip();
  context.font = "11px 'Inter Variable', sans-serif";
  context.textBaseline = "top";
  context.fillStyle = box.team ? palette.ink : palette.surface;
  context.fillText(name.slice(0, 60), at.x + 4, at.y + (box.team ? 8 : 5));
  context.restore();
}
