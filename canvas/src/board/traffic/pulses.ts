/** Pulses on their way: few at once, however much is sent. Pure. */

import type { Kind, Move } from "./moves";

/** Pulses at once; what comes beyond is not drawn. */
export const MOST = 60;
/** How long one is seen, in milliseconds. */
export const LASTS_MS = 1_400;
/** What follows a pulse of the same pair so soon joins it. */
export const JOINS_MS = 400;

export interface Pulse extends Move {
  began: number;
  /** Messages that are one pulse. */
  count: number;
  /** How many of each kind: a delegation is also a message, and counts once. */
  kinds: Partial<Record<Kind, number>>;
}

/** From what must be seen to what need not be. */
const WORST: readonly Kind[] = ["failure", "delegation", "result", "message"];

export class Pulses {
  private pulses: Pulse[] = [];

  /** Adds what is sent now; returns whether a pulse begins with it. */
  add({ from, to, kind }: Move, now: number): boolean {
    this.pulses = this.at(now);
    const last = this.pulses.findLast((pulse) => pulse.from === from && pulse.to === to);
    const full = this.pulses.length >= MOST;
    if (last && (full || now - last.began < JOINS_MS)) {
      last.kinds[kind] = (last.kinds[kind] ?? 0) + 1;
      last.count = Math.max(...Object.values(last.kinds));
      last.kind = WORST.find((one) => last.kinds[one] !== undefined) ?? kind;
      return false;
    }
    if (full) return false;
    this.pulses.push({ from, to, kind, began: now, count: 1, kinds: { [kind]: 1 } });
    return true;
  }

  /** Those that are seen at `now`. */
  at(now: number): Pulse[] {
    return this.pulses.filter((pulse) => now - pulse.began < LASTS_MS);
  }

  clear(): void {
    this.pulses = [];
  }
}
