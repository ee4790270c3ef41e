/** Kinds of activity a person may want to see alone. */
export const TYPES = [
  "a2a_receive",
  "a2a_send",
  "delegation",
  "task_update",
  "agent_log",
  "skill_promotion",
  "memory_write",
  "error",
] as const;

export const STATUSES = [
  "ok",
  "error",
  "timeout",
  "pending",
  "dispatched",
  "queued",
  "completed",
  "failed",
] as const;

export const SOURCES = ["canvas", "agent"] as const;
