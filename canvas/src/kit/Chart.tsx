/** A small line chart over time, in our colours, as wide as its place, and told in words. */

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { useEffectiveTheme } from "../shell/theme";
import { timeOfDay } from "./time";

export interface Series {
  label: string;
  /** A CSS variable, such as `--accent`. */
  paint: string;
  values: readonly (number | null)[];
  /** Draws in steps: the value holds until the next. */
  stepped?: boolean;
  /** On an axis of its own, at the right, from 0 to 1. */
  share?: boolean;
}

export interface ChartProps {
  /** Seconds of Unix time, ascending. */
  times: readonly number[];
  series: readonly Series[];
  /** The chart in words, for those who do not see it. */
  text: string;
  height?: number;
}

export function Chart({ times, series, text, height = 140 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useEffectiveTheme();
  const shape = JSON.stringify(series.map(({ values: _, ...look }) => look));
  const data = useRef<uPlot.AlignedData>([[]]);
  data.current = [[...times], ...series.map((one) => [...one.values])] as uPlot.AlignedData;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme is other colours.
  useEffect(() => {
    const node = place.current;
    if (!node) return;
    const looks = JSON.parse(shape) as Series[];
    const drawn = new uPlot(options(looks, node.clientWidth, height), data.current, node);
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize({ width: node.clientWidth, height }));
    resized.observe(node);
    return () => {
      resized.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [theme, shape, height]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the data is read from the reference.
  useEffect(() => plot.current?.setData(data.current), [times, series]);

  return (
    <figure className="min-w-0">
      <div ref={place} role="img" aria-label={text} className="min-w-0 overflow-hidden" />
      <figcaption className="mt-1 flex flex-wrap gap-x-4 text-xs text-muted">
        {series.map((one) => (
          <span key={one.label} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden
              className="h-0.5 w-4"
              style={{ backgroundColor: `var(${one.paint})` }}
            />
            {one.label}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function options(looks: readonly Series[], width: number, height: number): uPlot.Options {
  const css = getComputedStyle(document.documentElement);
  const colour = (name: string) => css.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), font: "11px sans-serif", ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  const shares = looks.some((one) => one.share);
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      y: { range: (_, _min, max) => [0, Math.max(1, max * 1.1)] },
      share: { range: [0, 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 90, incrs: SECONDS, values: clocks },
      {
        ...axis,
        grid,
        size: 40,
        space: 24,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 5e3, 1e4, 1e5],
      },
      ...(shares
        ? [
            {
              ...axis,
              scale: "share",
              side: 1 as const,
              size: 44,
              space: 24,
              grid: { show: false },
              values: percent,
            },
          ]
        : []),
    ],
    series: [
      {},
      ...looks.map((one) => ({
        label: one.label,
        stroke: colour(one.paint),
        width: 2,
        points: { fill: colour(one.paint), size: 5 },
        scale: one.share ? "share" : "y",
        ...(one.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      })),
    ],
  };
}

/** Steps of the time axis: none shorter than a second. */
const SECONDS = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];
const clocks = (_: uPlot, times: number[]) => times.map((time) => timeOfDay(time * 1_000));
const format = new Intl.NumberFormat(undefined, { style: "percent" });
const percent = (_: uPlot, values: number[]) => values.map((value) => format.format(value));
