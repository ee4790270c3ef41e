/** Conversations with agents: what the server keeps of them, and what is under way. */

import { create } from "zustand";
import { uploadFiles } from "../../api/calls";
import { newId } from "../../api/ids";
import * as api from "../../api/talk";
import type { LiveEvent } from "../../api/types";
import { gathered, onReturn } from "../../live/again";
import { serverNow } from "../../live/clock";
import { onEvent } from "../../live/follow";
import { notify } from "../../store/toasts";
import { partOf } from "../attachments";
import { textOf } from "../safe";
import { type Depth, isWhole, read } from "./history";
import { type Delivery, type Exchange, merge } from "./model";
import { answerOf, keyOf, ofMessage, standing } from "./read";
import { keep, recall } from "./unsettled";

/** Conversations that are kept; the one opened longest ago makes room. */
const TALKS = 20;
/** A message that is not refused by then is with its agent; in milliseconds. */
const TAKEN_MS = 1_000;

export interface Talk {
  exchanges: readonly Exchange[];
  /** How far back the log and the mailbox have been read; `null`: not at all. */
  rows: Depth | null;
  mail: Depth | null;
  /** The log's rows that were read. */
  ids: ReadonlySet<string>;
  reading: boolean;
  error: unknown;
}

const EMPTY: Talk = {
  exchanges: [],
  rows: null,
  mail: null,
  ids: new Set(),
  reading: false,
  error: undefined,
};

export const useTalk = create<{ talks: Readonly<Record<string, Talk>> }>(() => ({ talks: {} }));

const talkOf = (id: string): Talk => useTalk.getState().talks[id] ?? EMPTY;

function change(id: string, how: (was: Talk) => Partial<Talk>): void {
  useTalk.setState(({ talks }) => {
    const was = talks[id] ?? EMPTY;
    const { [id]: _, ...rest } = talks;
    const all = Object.entries(rest).slice(-(TALKS - 1));
    return { talks: { ...Object.fromEntries(all), [id]: { ...was, ...how(was) } } };
  });
}

function put(id: string, exchanges: readonly Exchange[]): void {
  change(id, (was) => ({ exchanges: merge(was.exchanges, exchanges) }));
  keep(id, talkOf(id).exchanges);
}

/** Conversations that are looked at, and how often. */
const watched = new Map<string, number>();
const again = gathered(() => {
  for (const id of watched.keys()) void refresh(id);
});

/** Reads what was said and follows what is; returns how to stop. */
export function watch(id: string): () => void {
  watched.set(id, (watched.get(id) ?? 0) + 1);
  const known = new Set(talkOf(id).exchanges.map((one) => one.key));
  put(
    id,
    recall(id).filter((one) => !known.has(one.key)),
  );
  void refresh(id);
  return () => {
    const left = (watched.get(id) ?? 1) - 1;
    if (left > 0) watched.set(id, left);
    else watched.delete(id);
  };
}

/** Reads the newest page. */
export async function refresh(id: string): Promise<void> {
  change(id, () => ({ reading: true }));
  try {
    const got = await read(id, null, (one) => knows(id, one));
    change(id, (was) => {
      const meets =
        was.ids.size === 0 || got.ids.length === 0 || got.ids.some((row) => was.ids.has(row));
      // More was said meanwhile than a page holds: what is older is read again when it is wanted.
      const kept = meets ? was.exchanges : was.exchanges.filter((one) => !one.told);
      const first = !meets || was.rows === null;
      return {
        exchanges: merge(kept, got.exchanges),
        ids: new Set([...(meets ? was.ids : []), ...got.ids]),
        error: undefined,
        ...(first ? { rows: got.rows, mail: got.mail } : {}),
      };
    });
    keep(id, talkOf(id).exchanges);
  } catch (error) {
    change(id, () => ({ error }));
  } finally {
    change(id, () => ({ reading: false }));
  }
}

/** Reads the page before what is known. */
export async function older(id: string): Promise<void> {
  const { rows, mail, reading } = talkOf(id);
  if (reading || !rows || !mail || (rows.next === null && mail.next === null)) return;
  change(id, () => ({ reading: true }));
  try {
    const from = { rows: rows.next, mail: mail.next };
    const got = await read(id, from, (one) => knows(id, one));
    change(id, (was) => ({
      exchanges: merge(was.exchanges, got.exchanges),
      ids: new Set([...was.ids, ...got.ids]),
      rows: got.rows,
      mail: got.mail,
      error: undefined,
    }));
  } catch (error) {
    change(id, () => ({ error }));
  } finally {
    change(id, () => ({ reading: false }));
  }
}

const find = (id: string, key: string) => talkOf(id).exchanges.find((one) => one.key === key);
const knows = (id: string, one: Exchange) => isWhole(find(id, one.key), one);

/**
 * Uploads files and sends them with a message. What goes wrong with the message becomes part of the
 * conversation.
 *
 * @throws when the files could not be uploaded: then nothing was sent.
 */
export async function send(id: string, text: string, chosen: readonly File[] = []): Promise<void> {
  const uploaded = chosen.length > 0 ? await uploadFiles(id, chosen) : [];
  void deliver(id, text, uploaded.map(partOf));
}

async function deliver(id: string, text: string, more: readonly unknown[] = []): Promise<void> {
  const messageId = newId();
  const parts = [...(text.trim() === "" ? [] : [{ kind: "text", text }]), ...more];
  const exchange: Exchange = {
    key: keyOf(messageId),
    at: serverNow(),
    told: false,
    asked: { text, parts },
    delivery: { phase: "sending" },
    answer: null,
  };
  const stands = (delivery: Delivery, rest: Partial<Exchange> = {}) =>
    put(id, [{ ...exchange, ...rest, delivery }]);
  stands({ phase: "sending" });
  const timer = setTimeout(() => {
    // By then it may wait, or be answered in another way.
    if (find(id, exchange.key)?.delivery?.phase === "sending") stands({ phase: "with_agent" });
  }, TAKEN_MS);
  try {
    const sent = await api.sendMessage(id, { role: "user", messageId, parts });
    if (sent.waits) {
      // It may have gone on already: its events can be here before this answer.
      const ahead = find(id, exchange.key)?.delivery?.messageId !== undefined;
      if (!ahead) stands({ phase: "waiting", messageId: sent.messageId });
    } else stands({ phase: "delivered" }, { answer: answerOf(sent.reply, serverNow()) });
  } catch (error) {
    stands({ phase: "failed", reason: error instanceof Error ? error.message : String(error) });
  } finally {
    clearTimeout(timer);
  }
}

/** Sends what was not delivered once more, as a new message in its place. */
export async function retry(id: string, key: string): Promise<void> {
  const exchange = find(id, key);
  if (!exchange?.asked) return;
  const { text, parts } = exchange.asked;
  const files = parts.filter((part) => !isText(part));
  if (!exchange.told) {
    change(id, (was) => ({ exchanges: was.exchanges.filter((one) => one.key !== key) }));
  }
  await deliver(id, text, files);
}

const isText = (part: unknown) =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string";

/** Calls a message back that waits. */
export async function cancel(id: string, messageId: string): Promise<void> {
  try {
    await api.cancelMessage(id, messageId);
  } catch (error) {
    notify.failed(error);
  }
  await refresh(id);
}

async function hear(event: LiveEvent): Promise<void> {
  const { workspace_id: id, payload } = event;
  if (event.event === "AGENT_MESSAGE") return said(id, event);
  const messageId = textOf(payload.message_id);
  const known = talkOf(id).exchanges.find((one) => one.delivery?.messageId === messageId);
  const delivery = standing(messageId, payload.state, payload.last_error);
  if (!known || !delivery) return payload.source_id ? undefined : again.soon();
  put(id, [{ ...known, delivery }]);
  if (delivery.phase !== "delivered" || known.answer) return;
  try {
    put(id, [ofMessage(await api.message(id, messageId))]);
  } catch {
    // The log has the answer, too.
    again.soon();
  }
}

let heard = 1;

function said(id: string, event: LiveEvent): void {
  const text = textOf(event.payload.message);
  const { attachments } = event.payload;
  const files = Array.isArray(attachments)
    ? attachments.map((file: unknown) => ({ kind: "file", file }))
    : [];
  if (text === "" && files.length === 0) return;
  const at = Date.parse(event.timestamp);
  put(id, [
    {
      key: `live:${heard++}`,
      at,
      told: false,
      asked: null,
      delivery: null,
      answer: { at, text, parts: files, failed: false },
    },
  ]);
}

onEvent((event) => {
  const id = event.workspace_id;
  if (!watched.has(id)) return;
  if (event.event === "MESSAGE_STATE" || event.event === "AGENT_MESSAGE") void hear(event);
  // What other pages asked, and what came late: the log tells all of it.
  const { activity_type: type, source_id: source } = event.payload;
  const logged = event.event === "ACTIVITY_LOGGED" && type === "a2a_receive" && !source;
  if (logged || event.event === "A2A_RESPONSE") again.soon();
});
onReturn(() => again.soon());
