/**
 * What the server says, by the names of its OpenAPI document: `schema.d.ts` is generated from
 * `docs/api/openapi.json` by `npm run api`, and the server's tests hold that to its handlers.
 */

import type { components } from "./schema";

type Schemas = components["schemas"];
/** The document has what depends on somebody else's choice as `unknown`. */
export type Narrow<T, N> = Omit<T, keyof N> & N;

export type Status = Schemas["WorkspaceStatus"];
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
] as const satisfies readonly Status[];

/** An agent writes it: nothing of it is sure to be there, or to be what it should be. */
export interface AgentCard {
  name?: string;
  description?: string;
  version?: string;
  skills?: { id?: string; name?: string; description?: string; tags?: string[] }[];
  [key: string]: unknown;
}

/** The single object leaves out what strangers must not see. */
export type WorkspaceDetail = Narrow<Schemas["WorkspaceDetail"], { agent_card: AgentCard | null }>;
/** An item of `GET /workspaces`, less what the page has no use for. */
export type Workspace = Narrow<
  Omit<Schemas["Workspace"], "budget_limit" | "monthly_spend" | "workspace_dir">,
  {
    agent_card: AgentCard | null;
    /** Messages that wait for its agent. */
    queue_depth?: number;
  }
>;

type Payload = { payload: Record<string, unknown> };
/** A frame of `/ws`. Recorded events carry `seq` when `?since=` was given. */
export type LiveEvent = Narrow<Schemas["LiveEvent"], Payload>;
/** An item of `GET /events`. */
export type RecordedEvent = Narrow<Schemas["Event"], Payload>;

export type CardSignature = Schemas["CardSignature"];
export type Viewport = Schemas["Viewport"];
export type Digest = Schemas["Digest"];
export type Features = Schemas["Features"];
export type Info = Schemas["ServerInfo"];
export type Histogram = Schemas["Histogram"];
export type Assignment = Schemas["Assignment"];
export type SecretMeta = Schemas["Secret"];
export type Connection = Schemas["Connection"];
export type CreateWorkspace = Schemas["CreateWorkspace"];
export type PatchWorkspace = Schemas["PatchWorkspace"];
export type Layout = Schemas["Layout"];
export type ChildReport = Schemas["SupervisedChild"];
export type ChatFile = Schemas["ChatFile"];
export type Supervision = Schemas["Supervision"];
export type Liveness = Schemas["Liveness"];
export type RotationJob = Schemas["Rotation"];
export type KeysStatus = Narrow<Schemas["KeyStatus"], { provider: "kms" | "static" | "none" }>;
export type AuditEntry = Schemas["AuditEntry"];

/** Both answers of a creation: `connection` comes with an external one that is awaited. */
export interface Created {
  id: string;
  status: string;
  external?: boolean;
  connection?: Connection;
}
