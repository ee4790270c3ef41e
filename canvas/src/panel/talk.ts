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

function add(id: string, from: Message["from"], text: string, waiting?: boolean): void {
  const message = { id: crypto.randomUUID(), from, text, at: Date.now() };
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
    messageId: crypto.randomUUID(),
    parts: [{ kind: "text", text }],
  };
  try {
    const path = `/workspaces/${encodeURIComponent(id)}/a2a`;
    const body = { method: "message/send", params: { message } };
    const reply = await request<unknown>("POST", path, body, LIMIT_MS);
    add(id, "agent", saidIn(reply.body), false);
  } catch (error) {
    add(id, "error", error instanceof Error ? error.message : String(error), false);
  }
}

/** The text of a reply: its parts, those of its status and those of its artifacts. */
export function saidIn(reply: unknown): string {
  const result = recordOf(reply).result;
  if (typeof result === "string") return result;
  const { parts, status, artifacts } = recordOf(result);
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
  const text = event.event === "AGENT_MESSAGE" ? textOf(event.payload.message) : "";
  if (text) add(event.workspace_id, "agent", text);
});
