/** Kinds of events. Pure. */

import type { RecordedEvent, Status } from "../../api/types";

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

/** Events that tell a status. */
export const STATUS_EVENTS = Object.keys(STATUS_OF);

/** Groups of event types a person may want to see alone. */
export const GROUPS = {
  status: [...STATUS_EVENTS, "WORKSPACE_QUARANTINED", "WORKSPACE_RELEASED", "WORKSPACE_REMOVED"],
  changes: ["WORKSPACE_UPDATED", "WORKSPACE_MOVED"],
  card: ["AGENT_CARD_UPDATED"],
  agents: ["AGENT_ASSIGNED", "AGENT_REPLACED", "AGENT_REMOVED", "AGENT_MOVED"],
} as const satisfies Record<string, readonly string[]>;

export type Group = keyof typeof GROUPS;

/** The first of the newest events in a row that tell `status`; `newest` is newest first. */
export function runOf(newest: readonly RecordedEvent[], status: Status): RecordedEvent | undefined {
  let first: RecordedEvent | undefined;
  for (const event of newest) {
    if (STATUS_OF[event.event_type] !== status) break;
    first = event;
  }
  return first;
}

/** Joins lists of events, each once, newest first. */
export function joined(...lists: readonly (readonly RecordedEvent[])[]): RecordedEvent[] {
  const bySeq = new Map(lists.flat().map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq);
}
