/** Reading a conversation from the log and from the mailbox, page by page. */

import { ApiError } from "../../api/http";
import * as api from "../../api/talk";
import { type Exchange, hasEnded } from "./model";
import { ofMessage, ofRow } from "./read";

/** Rows and messages that are read at once. */
export const PAGE = 50;
const ROWS = { type: "a2a_receive", source: "canvas" } as const;

/** How far one of the two has been read. */
export interface Depth {
  /** Where it goes on; `null` at its beginning. */
  next: string | null;
  /** The oldest that was read, in milliseconds of Unix time. */
  oldest: number;
}

export interface Reading {
  exchanges: Exchange[];
  rows: Depth;
  mail: Depth;
  /** The log's rows that were read. */
  ids: string[];
}

const NOTHING: api.Page<never> = { items: [], next: null };

/** A server without a mailbox, or without a log, has nothing in it. */
function absent(error: unknown): api.Page<never> {
  if (error instanceof ApiError && error.status === 404) return NOTHING;
  throw error;
}

/** Reads a page of both. `has`: whether a message's content, and its end, are known already. */
export async function read(
  id: string,
  from: { rows: string | null; mail: string | null } | null,
  has: (exchange: Exchange) => boolean,
): Promise<Reading> {
  const skip = Promise.resolve(NOTHING);
  const [rows, mail] = await Promise.all([
    from && from.rows === null
      ? skip
      : api.activity(id, ROWS, PAGE, from?.rows ?? null).catch(absent),
    from && from.mail === null
      ? skip
      : api.messages(id, { direction: "in" }, PAGE, from?.mail ?? null).catch(absent),
  ]);
  const told = [...rows.items].reverse().flatMap((row) => ofRow(row) ?? []);
  const byKey = new Set(told.filter((one) => one.asked).map((one) => one.key));
  const waiting = mail.items.filter((message) => message.source_id === null).reverse();
  const messages = await Promise.all(
    waiting.map(async (message) => {
      const short = ofMessage(message);
      return byKey.has(short.key) || has(short) ? short : whole(id, message.id, short);
    }),
  );
  return {
    exchanges: [...told, ...messages],
    rows: depthOf(rows, from?.rows),
    mail: depthOf(mail, from?.mail),
    ids: rows.items.map((row) => row.id),
  };
}

function depthOf(page: api.Page<{ created_at: string }>, from: string | null | undefined): Depth {
  const last = page.items.at(-1);
  const oldest = last ? Date.parse(last.created_at) : from === null ? -Infinity : Infinity;
  return { next: page.next, oldest };
}

/** A message with its content; without it when it has gone meanwhile. */
async function whole(id: string, messageId: string, short: Exchange): Promise<Exchange> {
  try {
    return ofMessage(await api.message(id, messageId));
  } catch {
    return short;
  }
}

/** Before this moment something may be missing that has not been read yet. */
export function horizon(rows: Depth | null, mail: Depth | null): number {
  const open = [rows, mail].filter((depth) => depth !== null && depth.next !== null);
  return Math.max(-Infinity, ...open.map((depth) => depth?.oldest ?? -Infinity));
}

/** Whether there is nothing to be learnt of a message beyond how it stands. */
export const isWhole = (known: Exchange | undefined, now: Exchange): boolean =>
  known?.asked != null &&
  (now.delivery?.phase !== "delivered" ||
    known.answer !== null ||
    (known.delivery !== null && hasEnded(known.delivery.phase)));
