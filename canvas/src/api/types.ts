/** What the server says, by the names of its OpenAPI document. */

export const STATUSES = [
  "provisioning",
  "awaiting_agent",
  "online",
  "degraded",
  "offline",
  "failed",
  "paused",
  "hibernating",
  "hibernated",
  "removed",
] as const;
export type Status = (typeof STATUSES)[number];

export interface AgentCard {
  name?: string;
  description?: string;
  version?: string;
  skills?: { id?: string; name?: string; description?: string; tags?: string[] }[];
  [key: string]: unknown;
}

/** An item of `GET /workspaces`. */
export interface Workspace {
  id: string;
  name: string;
  status: Status;
  role: string | null;
  tier: number;
  agent_card: AgentCard | null;
  url: string;
  parent_id: string | null;
  active_tasks: number;
  max_concurrent_tasks: number;
  uptime_seconds: number;
  last_error_rate: number;
  runtime: string;
  x: number;
  y: number;
  collapsed: boolean;
  last_sample_error: string;
  current_task: string;
  last_heartbeat_at: string | null;
  forwarded_to?: string;
}

/** A frame of `/ws`. Recorded events carry `seq` when `?since=` was given. */
export interface LiveEvent {
  event: string;
  workspace_id: string;
  timestamp: string;
  payload: Record<string, unknown>;
  seq?: number;
}

/** An item of `GET /events`. */
export interface RecordedEvent {
  id: string;
  event_type: string;
  workspace_id: string;
  payload: Record<string, unknown>;
  created_at: string;
  seq: number;
  agent_id?: string;
  target_id?: string;
}

export interface Viewport {
  x: number;
  y: number;
  zoom: number;
}

export interface Digest {
  seq: number;
  hash: string;
  count: number;
}

export interface Info {
  version: string;
  store: "sqlite" | "postgres";
  redis: boolean;
  liveness_ttl_ms: number;
  caller: string;
  features: { a2a: boolean; approvals: boolean; activity: boolean; hosted_agents: boolean };
}

export interface Histogram {
  since: string;
  until: string;
  bucket_ms: number;
  counts: number[];
  first_at: string | null;
}

export interface Assignment {
  id: string;
  model: string | null;
  status: string;
  created_at: string;
  removed_at: string | null;
  removal_reason?: string | null;
}

export interface SecretMeta {
  key: string;
  has_value: boolean;
  scope: "workspace" | "global";
  created_at: string;
  updated_at: string;
}

export interface Connection {
  workspace_id: string;
  platform_url: string;
  auth_token: string;
  registry_endpoint: string;
  heartbeat_endpoint: string;
  curl_register_template: string;
  python_snippet: string;
}

export interface Created {
  id: string;
  status: Status;
  external?: boolean;
  connection?: Connection;
}

export interface CreateWorkspace {
  name: string;
  role?: string;
  tier?: number;
  runtime?: string;
  external?: boolean;
  url?: string;
  parent_id?: string;
  canvas?: { x: number; y: number };
}

export interface PatchWorkspace {
  name?: string;
  role?: string | null;
  tier?: number;
  runtime?: string;
  parent_id?: string | null;
  collapsed?: boolean;
  x?: number;
  y?: number;
}

export interface ChildReport {
  child: string;
  state: "running" | "restarting" | "quarantined" | "stopped";
  restarts: number;
  last_failure: { at: string; error: string } | null;
  mailbox_depth: number;
  children?: number;
}

export interface Supervision {
  children: ChildReport[];
  workspaces: { resident: number; restarts: number; quarantined: number; failing: ChildReport[] };
}

export interface RotationJob {
  id: string;
  kind: "rewrap" | "reseed";
  state: "running" | "finished" | "incomplete";
  total: number;
  done: number;
  failed: number;
  started_by: string;
  started_at: string;
  updated_at: string;
  finished_at: string | null;
}

export interface KeysStatus {
  provider: "kms" | "static" | "none";
  key_id: string | null;
  tenant: string;
  write_format: number;
  minimum_format: number;
  seeds: { provider: string; key_id: string; seeds: number; current: boolean }[];
  retired_seeds: number;
  values: Record<string, number>;
  stale_values: number;
  jobs: RotationJob[];
}

export interface AuditEntry {
  seq: number;
  at: string;
  actor: string;
  action: string;
  workspace_id: string | null;
  key: string | null;
  format: number | null;
  outcome: string;
  detail: string | null;
}
