/** The organisation as the canvas knows it: what a list says, then what events change. Pure. */

import type { AgentCard, LiveEvent, Status, Workspace } from "../api/types";

/** Workspaces by id. Never changed in place: a changed workspace is a new object. */
export type Org = Readonly<Record<string, Workspace>>;

export interface Applied {
  org: Org;
  /** Workspaces that events speak of and that are not known: they must be read. */
  unknown: ReadonlySet<string>;
  /** Somebody came, left or moved: what depends on the chart must be derived again. */
  moved: boolean;
  /** The sequence of the last recorded event among them. */
  seq: number | undefined;
}

export function orgOf(list: readonly Workspace[]): Org {
  return Object.fromEntries(list.map((workspace) => [workspace.id, workspace]));
}

/** Applies events in their order. Events of workspaces that are not known are reported. */
export function apply(org: Org, events: readonly LiveEvent[]): Applied {
  const next: Record<string, Workspace> = { ...org };
  const unknown = new Set<string>();
  let moved = false;
  let seq: number | undefined;
  for (const event of events) {
    seq = event.seq ?? seq;
    const before = next[event.workspace_id];
    if (event.event === "WORKSPACE_REMOVED") {
      moved = delete next[event.workspace_id] && (moved || before !== undefined);
      unknown.delete(event.workspace_id);
      continue;
    }
    if (before === undefined) {
      if (concerns(event)) unknown.add(event.workspace_id);
      continue;
    }
    const change = changeOf(event);
    if (change === undefined) continue;
    moved ||= change.parent_id !== undefined && change.parent_id !== before.parent_id;
    next[event.workspace_id] = { ...before, ...change };
  }
  return { org: next, unknown, moved, seq };
}

/** Announcements that concern no workspace carry the nil id. */
const NIL = "00000000-0000-0000-0000-000000000000";

function concerns(event: LiveEvent): boolean {
  return event.workspace_id !== NIL && event.event.startsWith("WORKSPACE_");
}

const STATUS_OF: Readonly<Record<string, Status>> = {
  WORKSPACE_PROVISIONING: "provisioning",
  WORKSPACE_ONLINE: "online",
  WORKSPACE_AWAITING_AGENT: "awaiting_agent",
  WORKSPACE_OFFLINE: "offline",
  WORKSPACE_DEGRADED: "degraded",
  WORKSPACE_PROVISION_FAILED: "failed",
  WORKSPACE_PAUSED: "paused",
  WORKSPACE_HIBERNATING: "hibernating",
  WORKSPACE_HIBERNATED: "hibernated",
};

/** What one event changes; nothing for events that change no field of the list. */
export function changeOf(event: LiveEvent): Partial<Workspace> | undefined {
  const { payload } = event;
  const status = STATUS_OF[event.event];
  if (status !== undefined) return { status, ...details(event) };
  switch (event.event) {
    case "WORKSPACE_HEARTBEAT":
      return {
        active_tasks: count(payload.active_tasks),
        uptime_seconds: count(payload.uptime_seconds),
        last_heartbeat_at: event.timestamp,
      };
    case "TASK_UPDATED":
      return {
        current_task: text(payload.current_task),
        active_tasks: count(payload.active_tasks),
      };
    case "AGENT_CARD_UPDATED":
      return withCard(payload);
    case "WORKSPACE_MOVED":
      return { parent_id: typeof payload.parent_id === "string" ? payload.parent_id : null };
    case "WORKSPACE_UPDATED":
      return updated(payload);
    case "MESSAGE_STATE":
      return "queue_depth" in payload ? { queue_depth: count(payload.queue_depth) } : undefined;
    default:
      return undefined;
  }
}

function details(event: LiveEvent): Partial<Workspace> {
  const { payload } = event;
  switch (event.event) {
    case "WORKSPACE_ONLINE":
      return {
        last_error_rate: 0,
        last_sample_error: "",
        ...("url" in payload ? { url: text(payload.url) } : {}),
        ...("agent_card" in payload ? withCard(payload) : {}),
        ...delivery(payload),
      };
    case "WORKSPACE_DEGRADED":
      return {
        last_sample_error: text(payload.sample_error),
        ...(typeof payload.error_rate === "number" ? { last_error_rate: payload.error_rate } : {}),
      };
    case "WORKSPACE_PROVISION_FAILED":
      return { last_sample_error: text(payload.error) };
    case "WORKSPACE_OFFLINE":
      return { active_tasks: 0 };
    default:
      return {};
  }
}

function updated(payload: Record<string, unknown>): Partial<Workspace> {
  return {
    ...(typeof payload.name === "string" ? { name: payload.name } : {}),
    ...("role" in payload ? { role: text(payload.role) || null } : {}),
    ...(typeof payload.tier === "number" ? { tier: payload.tier } : {}),
    ...(typeof payload.runtime === "string" ? { runtime: payload.runtime || "langgraph" } : {}),
    ...delivery(payload),
  };
}

/** What a new card's signature is worth, events do not say: whoever shows it asks. */
const withCard = (payload: Record<string, unknown>): Partial<Workspace> => ({
  agent_card: card(payload.agent_card),
  card_signature: null,
});

function delivery({ delivery_mode: mode }: Record<string, unknown>): Partial<Workspace> {
  return mode === "push" || mode === "poll" ? { delivery_mode: mode } : {};
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
const count = (value: unknown) => (typeof value === "number" ? value : 0);
const card = (value: unknown) =>
  typeof value === "object" && value !== null ? (value as AgentCard) : null;
