/** A conversation as what was asked and what was answered, each once wherever it was heard. Pure. */

export const PHASES = [
  "sending",
  "with_agent",
  "waiting",
  "delivered",
  "failed",
  "expired",
  "cancelled",
  "interrupted",
] as const;
export type Phase = (typeof PHASES)[number];

export interface Delivery {
  phase: Phase;
  /** Why it was not delivered, or not yet. */
  reason?: string;
  /** Its id in the mailbox, when it had to wait. */
  messageId?: string;
}

export interface Said {
  text: string;
  /** As they came: files are among them. */
  parts: readonly unknown[];
  /** Only its beginning is kept. */
  cut?: boolean;
}

export interface Answer extends Said {
  at: number;
  /** The agent answered with an error. */
  failed: boolean;
}

/** What a person asked and what came of it, or something that an agent said by itself. */
export interface Exchange {
  /** `m:` and the message's own id; `row:` of the log; `live:` for what only this page has heard. */
  key: string;
  at: number;
  /** It is known from the server, and so is its time. */
  told: boolean;
  asked: Said | null;
  delivery: Delivery | null;
  answer: Answer | null;
}

/** Exchanges of one conversation that are kept. */
export const KEPT = 1_000;
/** The same words within this time are the same message, heard live and read in the log. */
const SAME_MS = 15_000;

const ENDED: readonly Phase[] = ["delivered", "failed", "expired", "cancelled"];

/** Whether nothing more will be heard of it. */
export const hasEnded = (phase: Phase) => ENDED.includes(phase);

/** Takes in what was read or heard; `read` may hold the same message more than once, oldest first. */
export function merge(known: readonly Exchange[], read: readonly Exchange[]): Exchange[] {
  const byKey = new Map(known.map((exchange) => [exchange.key, exchange]));
  for (const one of read) {
    const before = byKey.get(one.key);
    if (!before && one.asked === null) forgetLive(byKey, one);
    byKey.set(one.key, before ? joined(before, one) : one);
  }
  return [...byKey.values()].sort(byTime).slice(-KEPT);
}

const byTime = (a: Exchange, b: Exchange) => a.at - b.at || (a.key < b.key ? -1 : 1);

/** What an agent said by itself has no id when it is heard: the log's row takes its place. */
function forgetLive(byKey: Map<string, Exchange>, row: Exchange): void {
  if (!row.key.startsWith("row:")) return;
  let nearest: Exchange | undefined;
  for (const one of byKey.values()) {
    if (!one.key.startsWith("live:") || one.answer?.text !== row.answer?.text) continue;
    const distance = Math.abs(one.at - row.at);
    if (distance > SAME_MS) continue;
    if (!nearest || distance < Math.abs(nearest.at - row.at)) nearest = one;
  }
  if (nearest) byKey.delete(nearest.key);
}

function joined(before: Exchange, after: Exchange): Exchange {
  const both = before.told && after.told;
  return {
    key: before.key,
    at: both ? Math.min(before.at, after.at) : before.told ? before.at : after.at,
    told: before.told || after.told,
    asked: fuller(before.asked, after.asked),
    delivery: deliveryOf(before.delivery, after.delivery),
    answer: fuller(before.answer, after.answer),
  };
}

/** The log keeps the beginnings of long messages; the mailbox and this page the whole. */
function fuller<T extends Said>(before: T | null, after: T | null): T | null {
  if (!before || !after) return after ?? before;
  return after.cut && !before.cut ? before : after;
}

/** The one that is to be believed: `after` was heard later. */
export function deliveryOf(before: Delivery | null, after: Delivery | null): Delivery | null {
  if (!before || !after) return after ?? before;
  const messageId = after.messageId ?? before.messageId;
  const named = messageId === undefined ? {} : { messageId };
  const delivered = [after, before].find((one) => one.phase === "delivered");
  if (delivered) return { ...delivered, ...named };
  // The log calls it an error that a message had to wait; the mailbox knows what became of it.
  if ((before.messageId === undefined) !== (after.messageId === undefined)) {
    return { ...(before.messageId === undefined ? after : before), ...named };
  }
  return { ...(hasEnded(before.phase) && before.messageId ? before : after), ...named };
}

export interface Bubble extends Said {
  id: string;
  from: "person" | "agent" | "error";
  at: number;
  /** Of what a person sent. */
  delivery: Delivery | null;
  key: string;
}

/** Everything said from `since` on, in its order. */
export function bubblesOf(exchanges: readonly Exchange[], since: number): Bubble[] {
  const bubbles: Bubble[] = [];
  for (const { key, at, asked, answer, delivery } of exchanges) {
    if (at < since) continue;
    if (asked) bubbles.push({ ...asked, id: `${key}?`, key, from: "person", at, delivery });
    if (!answer) continue;
    const from = answer.failed ? "error" : "agent";
    const { text, parts, cut } = answer;
    bubbles.push({
      id: `${key}!`,
      key,
      from,
      text,
      parts,
      ...(cut ? { cut } : {}),
      at: Math.max(at, answer.at),
      delivery: null,
    });
  }
  return bubbles.sort((a, b) => a.at - b.at);
}
