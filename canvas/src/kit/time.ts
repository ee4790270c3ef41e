/** Times in the viewer's zone and language. */

import { useSyncExternalStore } from "react";

const STEP_MS = 1_000;
let now = Date.now();
const waiting = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

function subscribe(changed: () => void): () => void {
  now = Date.now();
  waiting.add(changed);
  ticking ??= setInterval(() => {
    now = Date.now();
    for (const one of waiting) one();
  }, STEP_MS);
  return () => {
    waiting.delete(changed);
    if (waiting.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

/** The time in milliseconds, again every `every` milliseconds. */
export function useNow(every = STEP_MS): number {
  return useSyncExternalStore(subscribe, () => Math.floor(now / every) * every);
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** A moment relative to `from`, such as "5 min ago". */
export function ago(at: number, from: number): string {
  const seconds = Math.round((at - from) / 1000);
  const size = Math.abs(seconds);
  if (size < 90) return relative.format(Math.min(seconds, 0), "second");
  if (size < 5_400) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 129_600) return relative.format(Math.round(seconds / 3_600), "hour");
  return relative.format(Math.round(seconds / 86_400), "day");
}

export const dateTime = (at: string | number | Date) => absolute.format(new Date(at));
export const timeOfDay = (at: string | number | Date) => clock.format(new Date(at));

const inUnits = (unit: string) =>
  new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "short" });
/** Made once: making a formatter takes longer than using it a hundred times. */
const UNITS: readonly [number, Intl.NumberFormat][] = [
  [86_400, inUnits("day")],
  [3_600, inUnits("hour")],
  [60, inUnits("minute")],
  [1, inUnits("second")],
];

/** A length of time in its largest units, two unless told, such as "3 h 12 min". */
export function span(seconds: number, most = 2): string {
  const parts: string[] = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count === 0 && (parts.length > 0 || size > 1)) continue;
    parts.push(unit.format(count));
    if (parts.length === most) break;
  }
  return parts.join(" ");
}
