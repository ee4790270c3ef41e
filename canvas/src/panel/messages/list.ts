/** Lists of messages and delegations, as they are read and as events change them. Pure. */

import {
  type DelegationRow,
  type MailboxMessage,
  MESSAGE_STATES,
  type MessageState,
  type Page,
} from "../../api/talk";
import { textOf } from "../safe";

/** Messages that are kept in a list. */
export const KEPT = 1_000;

export interface Mail {
  messages: readonly MailboxMessage[];
  next: string | null;
}

export const NOTHING: Mail = { messages: [], next: null };

/** Takes in the newest page: it knows better how messages stand. */
export function withNewest(held: Mail, page: Page<MailboxMessage>): Mail {
  const read = new Set(page.items.map((message) => message.id));
  const meets = held.messages.some((message) => read.has(message.id));
  if (!meets || page.next === null) return { messages: page.items, next: page.next };
  const rest = held.messages.filter((message) => !read.has(message.id));
  const messages = [...page.items, ...rest].sort(newest).slice(0, KEPT);
  return { messages, next: held.next };
}

const newest = (a: MailboxMessage, b: MailboxMessage) =>
  Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1);

/** Takes in the page after the last message. */
export function withOlder(held: Mail, page: Page<MailboxMessage>): Mail {
  const known = new Set(held.messages.map((message) => message.id));
  const messages = [...held.messages, ...page.items.filter((message) => !known.has(message.id))];
  const full = messages.length > KEPT;
  return { messages: messages.slice(0, KEPT), next: full ? null : page.next };
}

/** What a `MESSAGE_STATE` changes; nothing of messages that are not held. */
export function withState(
  held: Mail,
  payload: Record<string, unknown>,
  wanted: MessageState | undefined,
): Mail {
  const state = MESSAGE_STATES.find((one) => one === payload.state);
  const before = held.messages.find((message) => message.id === payload.message_id);
  if (!before || !state) return held;
  const attempts = typeof payload.attempts === "number" ? payload.attempts : before.attempts;
  const after = { ...before, state, attempts, last_error: textOf(payload.last_error) || null };
  const messages = held.messages
    .map((message) => (message === before ? after : message))
    .filter((message) => wanted === undefined || message.state === wanted);
  return { ...held, messages };
}

/** Whether it can still be called back. */
export const isOpen = (state: MessageState) => state === "queued" || state === "dispatched";

export interface Delegation {
  id: string;
  target: string;
  status: string;
  /** When it was sent. */
  at: string;
  /** The beginning of what was asked. */
  task: string;
  error: string;
  preview: string;
}

/** From the beginning to an end: a delegation has a row for what was asked and one for its result. */
const STEPS = ["pending", "dispatched", "queued", "completed", "failed"];

/** The delegations that `rows` tell of, those sent last first. */
export function delegationsOf(rows: readonly DelegationRow[]): Delegation[] {
  const byId = new Map<string, Delegation>();
  // The oldest first: what was asked before what came of it.
  for (const row of [...rows].reverse()) {
    const id = row.delegation_id || row.id;
    const before = byId.get(id);
    const further = !before || STEPS.indexOf(row.status) >= STEPS.indexOf(before.status);
    byId.set(id, {
      id,
      target: before?.target || row.target_id,
      status: further ? row.status : before.status,
      at: before?.at ?? row.created_at,
      task: textOf(row.task_preview) || (before?.task ?? ""),
      error: textOf(row.error) || (before?.error ?? ""),
      preview: textOf(row.response_preview) || (before?.preview ?? ""),
    });
  }
  return [...byId.values()].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}
