/** Every call the canvas makes, one function each. */

import { bodyOf, server, soon, within } from "./http";
import type {
  Assignment,
  AuditEntry,
  ChatFile,
  Created,
  CreateWorkspace,
  Digest,
  Histogram,
  Info,
  KeysStatus,
  Layout,
  Liveness,
  PatchWorkspace,
  RecordedEvent,
  SecretMeta,
  Supervision,
  Viewport,
  Workspace,
  WorkspaceDetail,
} from "./types";

const of = (id: string) => ({ params: { path: { id } }, ...soon() });

/** The organisation now, and the sequence to follow from. */
export async function listWorkspaces(): Promise<{ workspaces: Workspace[]; seq: number }> {
  const answer = await server.GET("/workspaces", soon());
  const seq = Number(answer.response.headers.get("x-isomer-seq") ?? 0);
  return { workspaces: bodyOf(answer) as Workspace[], seq };
}

/** The organisation as it stood at `time`. */
export async function listWorkspacesAt(time: Date): Promise<Workspace[]> {
  const params = { query: { at: time.toISOString() } };
  return bodyOf(await server.GET("/workspaces", { params, ...soon() })) as Workspace[];
}

export async function getWorkspace(id: string): Promise<WorkspaceDetail> {
  return bodyOf(await server.GET("/workspaces/{id}", of(id))) as WorkspaceDetail;
}

export async function createWorkspace(body: CreateWorkspace): Promise<Created> {
  return bodyOf(await server.POST("/workspaces", { body, ...soon() }));
}

export async function patchWorkspace(id: string, body: PatchWorkspace): Promise<void> {
  await server.PATCH("/workspaces/{id}", { ...of(id), body });
}

export async function deleteWorkspace(id: string, purge = false): Promise<void> {
  const query = { confirm: "true", ...(purge ? { purge: "true" } : {}) };
  await server.DELETE("/workspaces/{id}", { params: { path: { id }, query }, ...soon() });
}

export async function forwardWorkspace(id: string, to: string): Promise<void> {
  await server.POST("/workspaces/{id}/forward", { ...of(id), body: { to } });
}

/** Stops a hosted agent as a crash would. */
export async function stopAgent(id: string): Promise<void> {
  await server.POST("/workspaces/{id}/stop", of(id));
}

export async function releaseWorkspace(id: string): Promise<void> {
  await server.POST("/admin/workspaces/{id}/release", of(id));
}

/** The server gives an upload ten minutes, and so does this; in milliseconds. */
const UPLOAD_MS = 600_000;

/** Uploads files for a message: all of them or none, in their order. */
export async function uploadFiles(id: string, files: readonly File[]): Promise<ChatFile[]> {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  const answer = await server.POST("/workspaces/{id}/chat/uploads", {
    params: { path: { id } },
    ...within(UPLOAD_MS),
    // The document says what is in the form; the browser writes it.
    body: { files: [] },
    bodySerializer: () => form,
  });
  return bodyOf(answer).files;
}

export async function viewport(): Promise<Viewport> {
  return bodyOf(await server.GET("/canvas/viewport", soon()));
}

export async function saveViewport(body: Viewport): Promise<void> {
  await server.PUT("/canvas/viewport", { body, ...soon() });
}

/** Saves where many workspaces lie, all or none. */
export async function saveLayouts(layouts: readonly Layout[]): Promise<void> {
  await server.PUT("/canvas/layouts", { body: { layouts: [...layouts] }, ...soon() });
}

export async function digest(): Promise<Digest> {
  return bodyOf(await server.GET("/canvas/digest", soon()));
}

export async function info(): Promise<Info> {
  return bodyOf(await server.GET("/canvas/info", soon()));
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
  const { workspace, since, until, limit, types } = filter;
  const query = {
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
    ...(limit ? { limit } : {}),
    ...(types?.length ? { type: types.join(",") } : {}),
  };
  const answer = workspace
    ? await server.GET("/events/{workspace_id}", {
        params: { path: { workspace_id: workspace }, query },
        ...soon(),
      })
    : await server.GET("/events", { params: { query }, ...soon() });
  return bodyOf(answer) as RecordedEvent[];
}

export async function histogram(buckets: number): Promise<Histogram> {
  const params = { query: { buckets } };
  return bodyOf(await server.GET("/events/histogram", { params, ...soon() }));
}

export async function assignments(id: string): Promise<Assignment[]> {
  return bodyOf(await server.GET("/workspaces/{id}/agents", of(id))).agents;
}

export async function assignModel(id: string, model: string, replace: boolean): Promise<void> {
  const options = { ...of(id), body: { model } };
  if (replace) await server.PATCH("/workspaces/{id}/agent", options);
  else await server.POST("/workspaces/{id}/agent", options);
}

/** Names and scopes; values are never read here. */
export async function secrets(id: string): Promise<SecretMeta[]> {
  return bodyOf(await server.GET("/workspaces/{id}/secrets", of(id)));
}

export async function globalSecrets(): Promise<SecretMeta[]> {
  return bodyOf(await server.GET("/settings/secrets", soon()));
}

/** Sets a secret of a workspace, or with `null` a global one. */
export async function setSecret(id: string | null, key: string, value: string): Promise<void> {
  const body = { key, value };
  if (id === null) await server.PUT("/settings/secrets", { body, ...soon() });
  else await server.PUT("/workspaces/{id}/secrets", { ...of(id), body });
}

export async function deleteSecret(id: string | null, key: string): Promise<void> {
  if (id === null) {
    await server.DELETE("/settings/secrets/{key}", { params: { path: { key } }, ...soon() });
  } else {
    const params = { path: { id, key } };
    await server.DELETE("/workspaces/{id}/secrets/{key}", { params, ...soon() });
  }
}

export async function supervision(): Promise<Supervision> {
  return bodyOf(await server.GET("/admin/supervision", soon()));
}

export async function liveness(): Promise<Liveness> {
  return bodyOf(await server.GET("/admin/liveness", soon()));
}

export async function keysStatus(): Promise<KeysStatus> {
  return bodyOf(await server.GET("/admin/keys", soon())) as KeysStatus;
}

/** Audit rows, newest first; those before sequence `before`. */
export async function keysAudit(limit = 50, before?: number): Promise<AuditEntry[]> {
  const query = { limit, ...(before === undefined ? {} : { before }) };
  return bodyOf(await server.GET("/admin/keys/audit", { params: { query }, ...soon() })).entries;
}

export async function startRotation(kind: "rewrap" | "reseed"): Promise<void> {
  const params = { path: { kind } };
  await server.POST("/admin/keys/{kind}", { params, body: {}, ...soon() });
}

export async function logout(): Promise<void> {
  await server.POST("/logout", soon());
}
