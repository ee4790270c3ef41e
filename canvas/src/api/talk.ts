/** Messages, what was done with them, and approvals: one function a call. */

import { request } from "./http";

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
export interface ActivityRow {
  id: string;
  workspace_id: string;
  activity_type: string;
  /** The workspace it came from; `null`: a person. */
  source_id: string | null;
  target_id: string | null;
  method: string | null;
  summary: string | null;
  duration_ms: number | null;
  status: string;
  error_detail: string | null;
  created_at: string;
  request_body?: unknown;
  response_body?: unknown;
  tool_trace?: unknown;
}

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
] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** A message that had or has to wait. */
export interface MailboxMessage {
  id: string;
  state: MessageState;
  attempts: number;
  created_at: string;
  updated_at: string;
  last_error: string | null;
  workspace_id: string;
  source_id: string | null;
  method: string;
  priority: number;
  expires_at: string | null;
  /** The `messageId` that its sender gave it. */
  message_key: string | null;
}

export interface MailboxDetail extends MailboxMessage {
  body: unknown;
  response: unknown;
}

/** A row of `GET …/delegations`; a delegation mostly has two. */
export interface DelegationRow {
  id: string;
  source_id: string;
  target_id: string;
  summary: string | null;
  status: string;
  created_at: string;
  delegation_id?: string;
  error?: string;
  response_preview?: string;
}

export interface Decision {
  decision: string;
  decided_by: string;
  decided_by_identity?: string;
  decided_at: string;
}

/** Something that an agent may do only when a person agrees. */
export interface Approval {
  id: string;
  workspace_id: string;
  workspace_name: string;
  action: string;
  reason: string | null;
  status: string;
  created_at: string;
  /** From then on it counts as denied. */
  expires_at?: string | null;
  context?: unknown;
  decisions?: Decision[];
  /** How many have approved, and how many must. */
  approvals?: number;
  approvals_required?: number;
}

const of = (id: string, rest: string) => `/workspaces/${encodeURIComponent(id)}/${rest}`;

function asked(filter: Readonly<Record<string, string | number | null | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(filter)) if (value) query.set(key, String(value));
  return query.size > 0 ? `?${query}` : "";
}

async function page<T>(path: string): Promise<Page<T>> {
  const { body, headers } = await request<T[]>("GET", path);
  return { items: Array.isArray(body) ? body : [], next: headers.get(NEXT) };
}

export function activity(
  id: string,
  filter: ActivityFilter,
  limit: number,
  cursor: string | null = null,
): Promise<Page<ActivityRow>> {
  return page(of(id, `activity${asked({ ...filter, limit, cursor })}`));
}

/** Where the activity of a workspace is downloaded from, a JSON object a line. */
export const activityExport = (id: string, type: string | undefined) =>
  of(id, `activity/export${asked({ type })}`);

/** What is found of a workspace, in the shape of its rows. */
export async function searchSession(id: string, q: string, limit: number): Promise<ActivityRow[]> {
  type Found = { kind: string; label: string; content: string | null };
  type Item = Omit<ActivityRow, "activity_type" | "summary"> & Found;
  const { items } = await page<Item>(of(id, `session-search${asked({ q, limit })}`));
  return items.map(({ label, content, ...rest }) => ({
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
export type Sent =
  | { waits: false; reply: unknown }
  | { waits: true; messageId: string; queueDepth: number };

/** Sends a message to an agent. It may take minutes, and fails as every call does. */
export async function sendMessage(id: string, message: unknown): Promise<Sent> {
  const sent = await request<Record<string, unknown>>(
    "POST",
    of(id, "a2a"),
    { method: "message/send", params: { message } },
    ANSWER_MS,
  );
  const { queued, message_id: key, queue_id, queue_depth: depth } = sent.body ?? {};
  const messageId = typeof key === "string" ? key : queue_id;
  if (sent.status === 202 && queued === true && typeof messageId === "string") {
    return { waits: true, messageId, queueDepth: typeof depth === "number" ? depth : 1 };
  }
  return { waits: false, reply: sent.body };
}

export interface MessageFilter {
  state?: MessageState;
  direction?: "in" | "out";
}

export function messages(
  id: string,
  filter: MessageFilter,
  limit: number,
  cursor: string | null = null,
): Promise<Page<MailboxMessage>> {
  return page(of(id, `messages${asked({ ...filter, limit, cursor })}`));
}

export async function message(id: string, messageId: string): Promise<MailboxDetail> {
  const path = of(id, `messages/${encodeURIComponent(messageId)}`);
  return (await request<MailboxDetail>("GET", path)).body;
}

export async function cancelMessage(id: string, messageId: string): Promise<void> {
  await request("POST", of(id, `messages/${encodeURIComponent(messageId)}/cancel`), {});
}

export async function delegations(id: string): Promise<DelegationRow[]> {
  return (await page<DelegationRow>(of(id, "delegations"))).items;
}

/** The newest 50 that wait for a decision. */
export async function pendingApprovals(): Promise<Approval[]> {
  return (await page<Approval>("/approvals/pending")).items;
}

export interface Decided {
  /** `pending` while more must approve. */
  status: string;
  approvals?: number;
  approvals_required?: number;
}

export async function decideApproval(
  workspace: string,
  approval: string,
  decision: "approved" | "denied",
): Promise<Decided> {
  const path = of(workspace, `approvals/${encodeURIComponent(approval)}/decide`);
  return (await request<Decided>("POST", path, { decision, decided_by: "human" })).body;
}
