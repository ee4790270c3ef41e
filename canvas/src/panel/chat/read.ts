/** What the server keeps of a conversation, as exchanges. Pure; every shape may come. */

import type { ActivityRow, MailboxDetail, MailboxMessage, MessageState } from "../../api/talk";
import { listOf, recordOf, textOf } from "../safe";
import type { Answer, Delivery, Exchange, Phase, Said } from "./model";

/**
 * The parts of a reply: its own, those of its status and those of its artifacts. A2A 1.0 wraps
 * them in `message` or `task`; 0.3 does not.
 */
function partsIn(result: unknown): unknown[] {
  const { message, task } = recordOf(result);
  const { parts, status, artifacts } = recordOf(message ?? task ?? result);
  return [
    ...listOf(parts),
    ...listOf(recordOf(recordOf(status).message).parts),
    ...listOf(artifacts).flatMap((artifact) => listOf(recordOf(artifact).parts)),
  ];
}

const textIn = (parts: readonly unknown[]) =>
  parts
    .map((part) => textOf(recordOf(part).text))
    .filter(Boolean)
    .join("\n");

/** The text of a reply. */
export function saidIn(reply: unknown): string {
  const result = recordOf(reply).result;
  return typeof result === "string" ? result : textIn(partsIn(result));
}

/** What an agent answered: a JSON-RPC answer, its error, or what `notify` keeps. */
export function answerOf(reply: unknown, at: number): Answer {
  const { error, result, parts, truncated, beginning } = recordOf(reply);
  if (truncated === true && typeof beginning === "string") {
    return { at, text: beginning, parts: [], failed: false, cut: true };
  }
  if (error !== undefined && error !== null) {
    const text = textOf(recordOf(error).message) || textOf(error) || JSON.stringify(error);
    return { at, text, parts: [], failed: true };
  }
  const all = [...listOf(parts), ...partsIn(result)];
  return { at, text: saidIn(reply), parts: all, failed: false };
}

/** A message that is cut still names its id, mostly. */
const ID = /"messageId"\s*:\s*"([^"\\]{1,255})"/;

/** A person's message and its id; nothing for requests that are none. */
function askedIn(request: unknown): { said: Said; id: string } | undefined {
  const { params, truncated, beginning } = recordOf(request);
  if (truncated === true && typeof beginning === "string") {
    const text = beginning;
    return { said: { text, parts: [], cut: true }, id: ID.exec(beginning)?.[1] ?? "" };
  }
  const { message } = recordOf(params);
  if (typeof message !== "object" || message === null) return undefined;
  const { parts, messageId } = recordOf(message);
  const all = listOf(parts);
  return { said: { text: textIn(all), parts: all }, id: textOf(messageId) };
}

export const keyOf = (id: string) => `m:${id}`;

/** An exchange of a row of the log; nothing for rows that are no conversation. */
export function ofRow(row: ActivityRow): Exchange | undefined {
  const at = Date.parse(row.created_at);
  const none = { key: `row:${row.id}`, told: true, at };
  if (row.method === "notify") {
    const answer = answerOf(row.response_body, at);
    return { ...none, asked: null, delivery: null, answer };
  }
  const asked = askedIn(row.request_body);
  if (!asked) return undefined;
  const failed = row.status !== "ok";
  const reason = row.error_detail ?? reasonIn(row) ?? row.summary ?? "";
  const answered = row.response_body !== undefined && row.response_body !== null;
  return {
    ...none,
    ...(asked.id ? { key: keyOf(asked.id) } : {}),
    // It is logged when its answer is there.
    at: at - Math.max(0, row.duration_ms ?? 0),
    asked: asked.said,
    delivery: failed ? { phase: "failed", reason } : { phase: "delivered" },
    answer: answered && !failed ? answerOf(row.response_body, at) : null,
  };
}

function reasonIn(row: ActivityRow): string | undefined {
  const { error } = recordOf(row.response_body);
  return textOf(recordOf(error).message) || textOf(error) || undefined;
}

const PHASE_OF: Readonly<Record<MessageState, Phase>> = {
  queued: "waiting",
  dispatched: "with_agent",
  delivered: "delivered",
  failed: "failed",
  expired: "expired",
  cancelled: "cancelled",
};

/** How a message of the mailbox stands. */
export function standing(messageId: string, state: unknown, error: unknown): Delivery | undefined {
  const phase = PHASE_OF[state as MessageState];
  if (phase === undefined) return undefined;
  const reason = textOf(error);
  return { phase, messageId, ...(reason && phase !== "delivered" ? { reason } : {}) };
}

/** An exchange of a message that had to wait, without its content unless that was read. */
export function ofMessage(message: MailboxMessage | MailboxDetail): Exchange {
  const detail = "body" in message ? message : undefined;
  const asked = askedIn(detail?.body);
  const id = message.message_key || asked?.id;
  const { response } = detail ?? {};
  const answered = response !== undefined && response !== null && message.state === "delivered";
  return {
    key: id ? keyOf(id) : `mail:${message.id}`,
    at: Date.parse(message.created_at),
    told: true,
    asked: asked?.said ?? null,
    delivery: standing(message.id, message.state, message.last_error) ?? null,
    answer: answered ? answerOf(response, Date.parse(message.updated_at)) : null,
  };
}
