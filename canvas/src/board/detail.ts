/** How much is drawn at which zoom: faces, simple faces, or boxes painted on one canvas. */

export type Detail = "full" | "simple" | "painted";

/** Below this no text of a face can be read. */
export const PAINTED_BELOW = 0.34;
export const SIMPLE_BELOW = 0.62;
/** So far out that a hundred thousand workspaces fit. */
export const MIN_ZOOM = 0.01;
export const MAX_ZOOM = 2;

export function detailAt(zoom: number): Detail {
  if (zoom < PAINTED_BELOW) return "painted";
  return zoom < SIMPLE_BELOW ? "simple" : "full";
}
