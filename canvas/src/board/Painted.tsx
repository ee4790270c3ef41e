import { useStore } from "@xyflow/react";
import { useEffect, useRef } from "react";
import { useEffectiveTheme } from "../shell/theme";
import { useApprovals } from "../store/approvals";
import { useReadOnly, useShownOrg } from "../store/shown";
import { useView } from "../store/view";
import { useDimmed } from "./match";
import { paint } from "./paint";
import type { Scene } from "./scene";
import { usePalette } from "./usePalette";

const NOBODY = {};

/** The whole organisation on one canvas, under the board's own viewport. */
export function Painted({ scene }: { scene: Scene }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const x = useStore((state) => state.transform[0]);
  const y = useStore((state) => state.transform[1]);
  const zoom = useStore((state) => state.transform[2]);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const org = useShownOrg();
  const palette = usePalette(useEffectiveTheme());
  const selected = useView((view) => view.selected);
  const dimmed = useDimmed();
  const waiting = useApprovals((state) => state.waiting);
  const asking = useReadOnly() ? NOBODY : waiting;
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      const context = canvas.current?.getContext("2d");
      if (!canvas.current || !context) return;
      resize(canvas.current, width, height);
      const transform = { x, y, zoom };
      const colours = palette();
      paint(context, {
        placed: scene.placed,
        org,
        palette: colours,
        transform,
        selected,
        asking,
        dimmed,
      });
    });
    return () => cancelAnimationFrame(frame);
  });
  return (
    <canvas
      ref={canvas}
      aria-hidden
      data-testid="painted-board"
      className="pointer-events-none absolute inset-0 size-full"
    />
  );
}

function resize(canvas: HTMLCanvasElement, width: number, height: number): void {
  const scale = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
}
