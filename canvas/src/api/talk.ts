/** Messages, what was done with them, and approvals: one function a call. */

import { bodyOf, server, soon, within } from "./http";
import type { components } from "./schema";

type Schemas = components["schemas"];
type Narrow<T, N> = Omit<T, keyof N> & N;

/** An agent may think for long; in milliseconds. */
const ANSWER_MS = 120_000;
const NEXT = "x-next-cursor";

/** A page of a list, newest first. */
export interface Page<T> {
  items: T[];
  /** Where the next page begins; `null` on the last one. */
  next: string | null;
}

/** A row of the activity log. Whatever agents wrote into it is of any shape. */
export type ActivityRow = Schemas["Activity"];

export interface ActivityFilter {
  type?: string;
  source?: "canvas" | "agent";
  status?: string;
}

export const MESSAGE_STATES = [
  "queued",
  "dispatched",
  "delivered",
  "failed",
  "expired",
  "cancelled",
] as const satisfies readonly Schemas["MessageState"][];
export type MessageState = (typeof MESSAGE_STATES)[number];

/** A message that had or has to wait. */
export type MailboxMessage = Schemas["MessageItem"];
/** The same with what was sent and what was answered. */
export type MailboxDetail = Narrow<Schemas["MessageDetail"], { body: unknown; response: unknown }>;
/** A row of `GET …/delegations`; a delegation mostly has two. */
export type DelegationRow = Schemas["DelegationRow"];
/** Something that an agent may do only when a person agrees. */
export type Approval = Narrow<Schemas["Approval"], { context: unknown; workspace_name: string }>;
export type Decision = Schemas["ApprovalDecision"];
export type Decided = Schemas["ApprovalDecided"];

function page<T>(answer: { data?: unknown; response: Response }): Page<T> {
  return { items: answer.data as T[], next: answer.response.headers.get(NEXT) };
}

const cursorOf = (cursor: string | null) => (cursor === null ? {} : { cursor });

export async function activity(
  id: string,
  filter: ActivityFilter,
  limit: number,
  cursor: string | null = null,
): Promise<Page<ActivityRow>> {
  const params = { path: { id }, query: { ...filter, limit, ...cursorOf(cursor) } };
  return page(await server.GET("/workspaces/{id}/activity", { params, ...soon() }));
}

/** Where the activity of a workspace is downloaded from, a JSON object a line. */
export function activityExport(id: string, type: string | undefined): string {
  const query = type === undefined ? "" : `?${new URLSearchParams({ type })}`;
  return `/workspaces/${encodeURIComponent(id)}/activity/export${query}`;
}

/** What is found of a workspace, in the shape of its rows. */
export async function searchSession(id: string, q: string, limit: number): Promise<ActivityRow[]> {
  const params = { path: { id }, query: { q, limit } };
  const found = bodyOf(await server.GET("/workspaces/{id}/session-search", { params, ...soon() }));
  return found.map(({ label, content, ...rest }) => ({
    ...rest,
    activity_type: label,
    summary: content,
    source_id: null,
    target_id: null,
    duration_ms: null,
    error_detail: null,
  }));
}

/** What `POST …/a2a` says: the agent's answer, or that the message waits. */
export type Sent = { waits: false; reply: unknown } | { waits: true; messageId: string };

/** Sends a message to an agent. It may take minutes, and fails as every call does. */
export async function sendMessage(id: string, message: unknown): Promise<Sent> {
  const { data, response } = await server.POST("/workspaces/{id}/a2a", {
    params: { path: { id } },
    body: { method: "message/send", params: { message } },
    ...within(ANSWER_MS),
  });
  if (response.status !== 202) return { waits: false, reply: data };
  return { waits: true, messageId: (data as Schemas["MessageReceipt"]).message_id };
}

export interface MessageFilter {
  state?: MessageState;
  direction?: "in" | "out";
}

export async function messages(
  id: string,
  filter: MessageFilter,
  limit: number,
  cursor: string | null = null,
): Promise<Page<MailboxMessage>> {
  const params = { path: { id }, query: { ...filter, limit, ...cursorOf(cursor) } };
  return page(await server.GET("/workspaces/{id}/messages", { params, ...soon() }));
}

export async function message(id: string, mid: string): Promise<MailboxDetail> {
  const params = { path: { id, mid } };
  return bodyOf(await server.GET("/workspaces/{id}/messages/{mid}", { params, ...soon() }));
}

export async function cancelMessage(id: string, mid: string): Promise<void> {
  const params = { path: { id, mid } };
  await server.POST("/workspaces/{id}/messages/{mid}/cancel", { params, ...soon() });
}

export async function delegations(id: string): Promise<DelegationRow[]> {
  const params = { path: { id } };
  return bodyOf(await server.GET("/workspaces/{id}/delegations", { params, ...soon() }));
}

/** The newest 50 that wait for a decision. */
export async function pendingApprovals(): Promise<Approval[]> {
  // Lists of several workspaces name them.
  return bodyOf(await server.GET("/approvals/pending", soon())) as Approval[];
}

/** Decides as a person; the answer is `pending` while more must approve. */
export async function decideApproval(
  id: string,
  approval_id: string,
  decision: "approved" | "denied",
): Promise<Decided> {
  const params = { path: { id, approval_id } };
  const body = { decision, decided_by: "human" };
  const path = "/workspaces/{id}/approvals/{approval_id}/decide";
  return bodyOf(await server.POST(path, { params, body, ...soon() }));
}
