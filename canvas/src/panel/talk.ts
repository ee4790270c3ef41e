/** Conversations with agents since the page was opened (contract of `POST /workspaces/:id/a2a`). */

import { create } from "zustand";
import { uploadFiles } from "../api/calls";
import { request } from "../api/http";
import type { ChatFile } from "../api/types";
import { onEvent } from "../live/follow";
import { type Attachment, attachmentsIn, attachmentsOf, partOf } from "./attachments";
import { listOf, recordOf, textOf } from "./safe";

/** An agent may think for long; in milliseconds. */
const LIMIT_MS = 120_000;
/** Messages of one conversation that are kept. */
const KEPT = 200;

export interface Message {
  id: string;
  from: "person" | "agent" | "error";
  text: string;
  files: readonly Attachment[];
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

interface Said {
  from: Message["from"];
  text: string;
  files?: readonly Attachment[];
  waiting?: boolean;
}

function add(id: string, { from, text, files = [], waiting }: Said): void {
  const message = { id: `m${next++}`, from, text, files, at: Date.now() };
  change(id, (was) => ({
    messages: [...was.messages, message].slice(-KEPT),
    waiting: waiting ?? was.waiting,
  }));
}

/**
 * Uploads files, sends the message and waits for the reply. What goes wrong with the message
 * becomes part of the conversation.
 *
 * @throws when the files could not be uploaded: then nothing was sent.
 */
export async function send(id: string, text: string, chosen: readonly File[] = []): Promise<void> {
  const uploaded = chosen.length > 0 ? await uploadFiles(id, chosen) : [];
  void deliver(id, text, uploaded);
}

async function deliver(id: string, text: string, files: readonly ChatFile[]): Promise<void> {
  add(id, { from: "person", text, files, waiting: true });
  const said = text.trim() === "" ? [] : [{ kind: "text", text }];
  const message = { role: "user", parts: [...said, ...files.map(partOf)] };
  try {
    const path = `/workspaces/${encodeURIComponent(id)}/a2a`;
    const body = { method: "message/send", params: { message } };
    const reply = await request<unknown>("POST", path, body, LIMIT_MS);
    answered(id, reply.body, "reply");
    change(id, (was) => ({ ...was, waiting: false }));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    add(id, { from: "error", text, waiting: false });
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
    add(id, { from: "error", text: textOf(recordOf(error).message) || JSON.stringify(error) });
  } else {
    add(id, { from: "agent", text: saidIn(reply), files: attachmentsIn(partsIn(reply)) });
  }
}

/** The text of a reply. */
export function saidIn(reply: unknown): string {
  const result = recordOf(reply).result;
  if (typeof result === "string") return result;
  return partsIn(reply)
    .map((part) => textOf(recordOf(part).text))
    .filter(Boolean)
    .join("\n");
}

/**
 * The parts of a reply, those of its status and those of its artifacts. A2A 1.0 wraps them in
 * `message` or `task`; 0.3 does not.
 */
export function partsIn(reply: unknown): unknown[] {
  const result = recordOf(reply).result;
  const { message, task } = recordOf(result);
  const { parts, status, artifacts } = recordOf(message ?? task ?? result);
  return [
    ...listOf(parts),
    ...listOf(recordOf(recordOf(status).message).parts),
    ...listOf(artifacts).flatMap((artifact) => listOf(recordOf(artifact).parts)),
  ];
}

onEvent((event) => {
  const { workspace_id: id, payload } = event;
  if (event.event === "AGENT_MESSAGE") {
    const [text, files] = [textOf(payload.message), attachmentsOf(payload.attachments)];
    if (text || files.length > 0) add(id, { from: "agent", text, files });
  }
  // What this page asked comes as its reply too; what another page asked only so. A message
  // without a body was too long for an event.
  if (event.event === "A2A_RESPONSE" && recordOf(payload.response_body).id) {
    answered(id, payload.response_body, "event");
  }
});
