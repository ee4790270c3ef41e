/** Every call the canvas makes, one function each. */

import { request } from "./http";
import type {
  Assignment,
  AuditEntry,
  Created,
  CreateWorkspace,
  Digest,
  Histogram,
  Info,
  KeysStatus,
  PatchWorkspace,
  RecordedEvent,
  SecretMeta,
  Supervision,
  Viewport,
  Workspace,
} from "./types";

const at = (id: string, rest = "") => `/workspaces/${encodeURIComponent(id)}${rest}`;

/** The organisation now, and the sequence to follow from. */
export async function listWorkspaces(): Promise<{ workspaces: Workspace[]; seq: number }> {
  const { body, headers } = await request<Workspace[]>("GET", "/workspaces");
  return { workspaces: body, seq: Number(headers.get("x-isomer-seq") ?? 0) };
}

/** The organisation as it stood at `time`. */
export async function listWorkspacesAt(time: Date): Promise<Workspace[]> {
  const query = new URLSearchParams({ at: time.toISOString() });
  return (await request<Workspace[]>("GET", `/workspaces?${query}`)).body;
}

export async function getWorkspace(id: string): Promise<Workspace> {
  return (await request<Workspace>("GET", at(id))).body;
}

export async function createWorkspace(body: CreateWorkspace): Promise<Created> {
  return (await request<Created>("POST", "/workspaces", body)).body;
}

export async function patchWorkspace(id: string, body: PatchWorkspace): Promise<void> {
  await request("PATCH", at(id), body);
}

export async function deleteWorkspace(id: string, purge = false): Promise<void> {
  await request("DELETE", at(id, `?confirm=true${purge ? "&purge=true" : ""}`));
}

export async function forwardWorkspace(id: string, to: string): Promise<void> {
  await request("POST", at(id, "/forward"), { to });
}

/** Stops a hosted agent as a crash would. */
export async function stopAgent(id: string): Promise<void> {
  await request("POST", at(id, "/stop"));
}

export async function restartWorkspace(id: string): Promise<void> {
  await request("POST", at(id, "/restart"), {});
}

export async function releaseWorkspace(id: string): Promise<void> {
  await request("POST", `/admin/workspaces/${encodeURIComponent(id)}/release`);
}

export async function viewport(): Promise<Viewport> {
  return (await request<Viewport>("GET", "/canvas/viewport")).body;
}

export async function saveViewport(body: Viewport): Promise<void> {
  await request("PUT", "/canvas/viewport", body);
}

export interface Layout {
  id: string;
  x?: number;
  y?: number;
  collapsed?: boolean;
}

/** Saves where many workspaces lie, all or none. */
export async function saveLayouts(layouts: readonly Layout[]): Promise<void> {
  await request("PUT", "/canvas/layouts", { layouts });
}

export async function digest(): Promise<Digest> {
  return (await request<Digest>("GET", "/canvas/digest")).body;
}

export async function info(): Promise<Info> {
  return (await request<Info>("GET", "/canvas/info")).body;
}

export interface EventFilter {
  workspace?: string;
  /** Sequence or time; later events only. */
  since?: string;
  until?: string;
  limit?: number;
  types?: string[];
}

/** Recorded events, newest first. */
export async function events(filter: EventFilter = {}): Promise<RecordedEvent[]> {
  const query = new URLSearchParams();
  if (filter.since) query.set("since", filter.since);
  if (filter.until) query.set("until", filter.until);
  if (filter.limit) query.set("limit", String(filter.limit));
  if (filter.types?.length) query.set("type", filter.types.join(","));
  const path = filter.workspace ? `/events/${encodeURIComponent(filter.workspace)}` : "/events";
  return (await request<RecordedEvent[]>("GET", `${path}?${query}`)).body;
}

export async function histogram(buckets: number): Promise<Histogram> {
  return (await request<Histogram>("GET", `/events/histogram?buckets=${buckets}`)).body;
}

export async function assignments(id: string): Promise<Assignment[]> {
  return (await request<{ agents: Assignment[] }>("GET", at(id, "/agents"))).body.agents;
}

export async function assignModel(id: string, model: string, replace: boolean): Promise<void> {
  await request(replace ? "PATCH" : "POST", at(id, "/agent"), { model });
}

/** Names and scopes; values are never read here. */
export async function secrets(id: string): Promise<SecretMeta[]> {
  return (await request<SecretMeta[]>("GET", at(id, "/secrets"))).body;
}

export async function globalSecrets(): Promise<SecretMeta[]> {
  return (await request<SecretMeta[]>("GET", "/settings/secrets")).body;
}

/** Sets a secret of a workspace, or with `null` a global one. */
export async function setSecret(id: string | null, key: string, value: string): Promise<void> {
  await request("PUT", id === null ? "/settings/secrets" : at(id, "/secrets"), { key, value });
}

export async function deleteSecret(id: string | null, key: string): Promise<void> {
  const base = id === null ? "/settings/secrets" : at(id, "/secrets");
  await request("DELETE", `${base}/${encodeURIComponent(key)}`);
}

export async function supervision(): Promise<Supervision> {
  return (await request<Supervision>("GET", "/admin/supervision")).body;
}

export async function liveness(): Promise<Record<string, unknown>> {
  return (await request<Record<string, unknown>>("GET", "/admin/liveness")).body;
}

export async function keysStatus(): Promise<KeysStatus> {
  return (await request<KeysStatus>("GET", "/admin/keys")).body;
}

/** Newest first; `before` a sequence, only what is older. */
export async function keysAudit(limit = 50, before?: number): Promise<AuditEntry[]> {
  const path = `/admin/keys/audit?limit=${limit}${before === undefined ? "" : `&before=${before}`}`;
  return (await request<{ entries: AuditEntry[] }>("GET", path)).body.entries;
}

export async function startRotation(kind: "rewrap" | "reseed"): Promise<void> {
  await request("POST", `/admin/keys/${kind}`, {});
}

export async function logout(): Promise<void> {
  await request("POST", "/logout");
}
