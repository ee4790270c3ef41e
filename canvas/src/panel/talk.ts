/** Conversations with agents since the page was opened (contract of `POST /workspaces/:id/a2a`). */

import { create } from "zustand";
import { request } from "../api/http";
import { onEvent } from "../live/follow";
import { listOf, recordOf, textOf } from "./safe";

/** An agent may think for long; in milliseconds. */
const LIMIT_MS = 120_000;
/** Messages of one conversation that are kept. */
const KEPT = 200;

export interface Message {
  id: string;
  from: "person" | "agent" | "error";
  text: string;
  at: number;
}

export interface Talk {
  messages: readonly Message[];
  waiting: boolean;
}

export const useTalk = create<{ talks: Readonly<Record<string, Talk>> }>(() => ({ talks: {} }));

function change(id: string, how: (was: Talk) => Talk): void {
  useTalk.setState(({ talks }) => ({
    talks: { ...talks, [id]: how(talks[id] ?? { messages: [], waiting: false }) },
  }));
}

// Of this page alone: browsers make UUIDs only on https and localhost. The server gives every
// message that is sent an id of its own.
let next = 1;

function add(id: string, from: Message["from"], text: string, waiting?: boolean): void {
  const message = { id: `m${next++}`, from, text, at: Date.now() };
  change(id, (was) => ({
    messages: [...was.messages, message].slice(-KEPT),
    waiting: waiting ?? was.waiting,
  }));
}

/** Sends a message and waits for the reply. What goes wrong becomes part of the conversation. */
export async function send(id: string, text: string): Promise<void> {
  add(id, "person", text, true);
  const message = {
    role: "user",
    parts: [{ kind: "text", text }],
  };
  try {
    const path = `/workspaces/${encodeURIComponent(id)}/a2a`;
    const body = { method: "message/send", params: { message } };
    const reply = await request<unknown>("POST", path, body, LIMIT_MS);
    answered(id, reply.body, "reply");
    change(id, (was) => ({ ...was, waiting: false }));
  } catch (error) {
    add(id, "error", error instanceof Error ? error.message : String(error), false);
  }
}

type Way = "reply" | "event";

/** How answers came that have come one way so far: what this page asked comes both ways. */
const came = new Map<unknown, Way>();

/** Takes in an answer, once. */
function answered(id: string, reply: unknown, way: Way): void {
  const { id: answer, error } = recordOf(reply);
  if (answer !== undefined && answer !== null) {
    const before = came.get(answer);
    came.delete(answer);
    if (before !== undefined && before !== way) return;
    came.set(answer, way);
    // The oldest first: a map keeps the order.
    if (came.size > KEPT) came.delete(came.keys().next().value);
  }
  if (error !== undefined && error !== null) {
    add(id, "error", textOf(recordOf(error).message) || JSON.stringify(error));
  } else {
    add(id, "agent", saidIn(reply));
  }
}

/**
 * The text of a reply: its parts, those of its status and those of its artifacts. A2A 1.0 wraps
 * them in `message` or `task`; 0.3 does not.
 */
export function saidIn(reply: unknown): string {
  const result = recordOf(reply).result;
  if (typeof result === "string") return result;
  const { message, task } = recordOf(result);
  const { parts, status, artifacts } = recordOf(message ?? task ?? result);
  const all = [
    ...listOf(parts),
    ...listOf(recordOf(recordOf(status).message).parts),
    ...listOf(artifacts).flatMap((artifact) => listOf(recordOf(artifact).parts)),
  ];
  return all
    .map((part) => textOf(recordOf(part).text))
    .filter(Boolean)
    .join("\n");
}

onEvent((event) => {
  const { workspace_id: id, payload } = event;
  const text = event.event === "AGENT_MESSAGE" ? textOf(payload.message) : "";
  if (text) add(id, "agent", text);
  // What this page asked comes as its reply too; what another page asked only so. A message
  // without a body was too long for an event.
  if (event.event === "A2A_RESPONSE" && recordOf(payload.response_body).id) {
    answered(id, payload.response_body, "event");
  }
});
