/** How much is drawn at which zoom: faces, simple faces, names, or boxes painted on one canvas. */

export type Detail = "full" | "simple" | "name" | "painted";

export const SIMPLE_BELOW = 0.62;
/** Below this only large letters can be read. */
export const NAME_BELOW = 0.34;
/** Below this nothing of a face can be read. */
export const PAINTED_BELOW = 0.18;
/** Close enough to read a face. */
export const READABLE = 0.68;
/** So far out that a hundred thousand workspaces fit. */
export const MIN_ZOOM = 0.01;
export const MAX_ZOOM = 2;

/** More faces than this at once are painted, however close one is. */
const MAX_FACES = 400;
/** So many names at once are; fewer stay nodes that can be moved. */
const MAX_NAMES = 80;

export function detailAt(zoom: number): Detail {
  if (zoom < PAINTED_BELOW) return "painted";
  if (zoom < NAME_BELOW) return "name";
  return zoom < SIMPLE_BELOW ? "simple" : "full";
}

/** How many nodes at once are drawn one by one; more are painted. */
export function mostAt(zoom: number): number {
  if (zoom < PAINTED_BELOW) return 0;
  return zoom < NAME_BELOW ? MAX_NAMES : MAX_FACES;
}
