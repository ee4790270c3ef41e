/**
 * Messages that this page has sent and the server may not know of: kept in the tab's own storage,
 * so that a reload neither loses nor repeats them.
 */

import { listOf, recordOf, textOf } from "../safe";
import { type Exchange, PHASES, type Phase } from "./model";

/** Messages of one workspace that are kept, and their length in characters. */
const KEPT = 20;
const MAX_TEXT = 100_000;

const slot = (id: string) => `isomer.unsettled.${id}`;

/** What was under way when the page was left, or failed before the server wrote it down. */
export function recall(id: string): Exchange[] {
  try {
    return read(JSON.parse(sessionStorage.getItem(slot(id)) ?? "[]"));
  } catch {
    return [];
  }
}

export function read(stored: unknown): Exchange[] {
  return listOf(stored).flatMap((one) => {
    const { key, at, text, parts, phase, reason } = recordOf(one);
    if (typeof key !== "string" || typeof at !== "number") return [];
    const known = PHASES.find((other) => other === phase);
    // Whoever sent it is gone, and the answer with it.
    const left: Phase = known === "failed" ? "failed" : "interrupted";
    const why = textOf(reason);
    return [
      {
        key,
        at,
        told: false,
        asked: { text: textOf(text), parts: listOf(parts) },
        delivery: { phase: left, ...(why ? { reason: why } : {}) },
        answer: null,
      },
    ];
  });
}

/** Keeps those of `exchanges` that the server has not told of. */
export function keep(id: string, exchanges: readonly Exchange[]): void {
  const open = exchanges.filter(({ key, told, asked, delivery }) => {
    if (told || !asked || !key.startsWith("m:") || asked.text.length > MAX_TEXT) return false;
    return delivery?.phase !== "delivered" && delivery?.messageId === undefined;
  });
  try {
    if (open.length === 0) {
      sessionStorage.removeItem(slot(id));
      return;
    }
    const stored = open.slice(-KEPT).map(({ key, at, asked, delivery }) => ({
      key,
      at,
      text: asked?.text,
      parts: asked?.parts,
      phase: delivery?.phase,
      reason: delivery?.reason,
    }));
    sessionStorage.setItem(slot(id), JSON.stringify(stored));
  } catch {
    // Private windows may refuse, and the room is limited: then it is kept as long as the page.
  }
}
