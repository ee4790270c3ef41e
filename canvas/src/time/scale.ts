/** Places on the timeline and the moments they stand for. Pure. */

import type { Histogram } from "../api/types";

export interface Scale {
  since: number;
  until: number;
  step: number;
  counts: readonly number[];
}

export function scaleOf(histogram: Histogram): Scale {
  const since = Date.parse(histogram.since);
  const until = Math.max(Date.parse(histogram.until), since + 1);
  const step = histogram.bucket_ms > 0 ? histogram.bucket_ms : (until - since) / 120;
  return { since, until, step, counts: histogram.counts };
}

/** The share of the way, 0 to 1, at which `at` lies. */
export function share({ since, until }: Scale, at: number): number {
  return Math.max(0, Math.min(1, (at - since) / (until - since)));
}

/** The moment at a share of the way, at the end of its bucket; `null` at the end: now. */
export function momentAt(scale: Scale, part: number): number | null {
  const at = scale.since + Math.max(0, Math.min(1, part)) * (scale.until - scale.since);
  return snap(scale, at);
}

/** The moment `by` steps on from `at`; `null` is now. */
export function stepFrom(scale: Scale, at: number | null, by: number): number | null {
  return snap(scale, (at ?? scale.until) + by * scale.step);
}

function snap({ since, until, step }: Scale, at: number): number | null {
  const snapped = since + Math.round((Math.max(at, since) - since) / step) * step;
  return snapped >= until - step / 2 ? null : Math.round(snapped);
}

/** How many events lie in the bucket before `at`. */
export function countAt({ since, step, counts }: Scale, at: number): number {
  return counts[Math.max(0, Math.ceil((at - since) / step) - 1)] ?? 0;
}
