/** Pan and zoom, kept on the server: one row for everybody. */

import { useReactFlow, type Viewport } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import * as api from "../api/calls";
import { NODE } from "../model/placement";
import { usePlace } from "../nav";
import { MAX_ZOOM, MIN_ZOOM } from "./detail";
import type { Scene } from "./scene";

/** Saved when the board has been still for this long. */
const SAVE_AFTER_MS = 800;
const FIT_MARGIN = 48;

export function useViewport(scene: Scene, size: { width: number; height: number }) {
  const { setViewport } = useReactFlow();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const begun = useRef(false);

  const showAll = useCallback(() => {
    const { bounds } = scene;
    const zoom = Math.max(
      MIN_ZOOM,
      Math.min(
        1,
        (size.width - 2 * FIT_MARGIN) / bounds.width,
        (size.height - 2 * FIT_MARGIN) / bounds.height,
      ),
    );
    void setViewport({
      zoom,
      x: (size.width - bounds.width * zoom) / 2 - bounds.x * zoom,
      y: Math.max(FIT_MARGIN, (size.height - bounds.height * zoom) / 2) - bounds.y * zoom,
    });
  }, [scene, size.width, size.height, setViewport]);

  useEffect(() => {
    if (begun.current || size.width === 0) return;
    begun.current = true;
    void api.viewport().then(
      (saved) => {
        const untouched = saved.x === 0 && saved.y === 0 && saved.zoom === 1;
        if (untouched || saved.zoom <= 0) showAll();
        else void setViewport({ ...saved, zoom: clamp(saved.zoom) });
      },
      () => showAll(),
    );
  }, [showAll, setViewport, size.width]);

  useReveal(scene, size);

  const save = useCallback((_: unknown, viewport: Viewport) => {
    clearTimeout(timer.current);
    // Where one looks is a convenience: a save that fails is not worth a notice.
    timer.current = setTimeout(
      () => void api.saveViewport(viewport).catch(() => {}),
      SAVE_AFTER_MS,
    );
  }, []);

  return { showAll, save };
}

/** Brings the workspace that the panel shows into view when it is not: the panel takes room, too. */
function useReveal(scene: Scene, { width, height }: { width: number; height: number }) {
  const { workspace } = usePlace();
  const { getViewport, setCenter } = useReactFlow();
  // Not again when the chart changes: a person may have gone elsewhere on purpose.
  const latest = useRef(scene);
  latest.current = scene;
  useEffect(() => {
    const box = latest.current.placed.find((one) => one.id === workspace);
    if (!box || width === 0) return;
    const { x, y, zoom } = getViewport();
    const left = box.x * zoom + x;
    const top = box.y * zoom + y;
    // Of a team its face is enough.
    const right = left + Math.min(box.width, NODE.width) * zoom;
    const bottom = top + Math.min(box.height, NODE.height) * zoom;
    if (left >= 0 && top >= 0 && right <= width && bottom <= height) return;
    void setCenter(box.x + Math.min(box.width, NODE.width) / 2, box.y + NODE.height / 2, { zoom });
  }, [workspace, width, height, getViewport, setCenter]);
}

const clamp = (zoom: number) => Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));
