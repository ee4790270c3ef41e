/**
 * Messages between agents, as pulses over the board. One canvas, drawn only while something is on
 * its way; nothing of it is React's. What is drawn is told in words by the activity of a workspace.
 */

import { useStoreApi } from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import type { LiveEvent } from "../../api/types";
import { onEvent } from "../../live/follow";
import { useOrg } from "../../store/org";
import { usePast } from "../../store/past";
import type { Placed, Scene } from "../scene";
import { coloursOf, draw, type Picture } from "./draw";
import { drawnEnd, moveOf, Targets } from "./moves";
import { Pulses } from "./pulses";

export const Traffic = memo(function Traffic({ scene }: { scene: Scene }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const board = useStoreApi();
  const placed = useMemo(() => new Map(scene.placed.map((box) => [box.id, box])), [scene]);
  const latest = useRef<ReadonlyMap<string, Placed>>(placed);
  latest.current = placed;
  useEffect(() => {
    if (!canvas.current) return;
    const view = () => {
      const { transform, width, height } = board.getState();
      return { x: transform[0], y: transform[1], zoom: transform[2], width, height };
    };
    const show = new Show(canvas.current, view, () => latest.current);
    const stops = [
      onEvent((event) => show.hear(event)),
      usePast.subscribe((past) => past.moment !== null && show.clear()),
    ];
    return () => {
      for (const stop of stops) stop();
      show.clear();
    };
  }, [board]);
  return (
    <canvas
      ref={canvas}
      aria-hidden
      hidden
      data-testid="traffic"
      data-begun="0"
      className="pointer-events-none absolute inset-0 z-[4] size-full"
    />
  );
});

interface View {
  x: number;
  y: number;
  zoom: number;
  width: number;
  height: number;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Show {
  private readonly pulses = new Pulses();
  private readonly targets = new Targets();
  private begun = 0;
  private frame = 0;
  private colours: Picture["colours"] | undefined;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly view: () => View,
    private readonly placed: () => ReadonlyMap<string, Placed>,
  ) {}

  hear(event: LiveEvent): void {
    const move = moveOf(event, this.targets);
    // Nobody looks, or looks at the past.
    if (!move || document.hidden || usePast.getState().moment !== null) return;
    const { org } = useOrg.getState();
    const from = drawnEnd(org, this.placed(), move.from);
    const to = drawnEnd(org, this.placed(), move.to);
    if (from === undefined || to === undefined) return;
    if (!this.pulses.add({ from, to, kind: move.kind }, performance.now())) return;
    this.begun += 1;
    this.canvas.dataset.begun = String(this.begun);
    if (this.frame === 0) this.start();
  }

  clear(): void {
    this.pulses.clear();
    this.end();
  }

  private start(): void {
    // The theme may be another one since the last time.
    this.colours = coloursOf(document.documentElement);
    this.canvas.hidden = false;
    this.frame = requestAnimationFrame(this.next);
  }

  private end(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.canvas.hidden = true;
  }

  private readonly next = () => {
    const now = performance.now();
    const pulses = this.pulses.at(now);
    if (pulses.length === 0 || !this.colours) return this.end();
    const { width, height, ...transform } = this.view();
    const context = this.canvas.getContext("2d");
    if (!context) return this.end();
    this.fit(width, height);
    draw(context, {
      pulses,
      placed: this.placed(),
      transform,
      colours: this.colours,
      now,
      still: calm.matches,
    });
    this.frame = requestAnimationFrame(this.next);
  };

  private fit(width: number, height: number): void {
    const scale = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== h) this.canvas.height = h;
  }
}
