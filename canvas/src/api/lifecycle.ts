/** What runs agents: starting and stopping them, teams, bundles and templates; a function a call. */

import { ask, bodyOf, part, server, soon, within } from "./http";
import type { components } from "./schema";
import type { Narrow } from "./types";

type Schemas = components["schemas"];

/** Imports make many workspaces; in milliseconds. */
const IMPORT_MS = 120_000;

const at = (id: string) => ({ params: { path: { id } } });
const of = (id: string) => ({ ...at(id), ...soon() });
const slowlyOf = (id: string) => ({ ...at(id), ...within(IMPORT_MS) });

export type RestartOptions = Pick<Schemas["RestartWorkspace"], "apply_template" | "reset">;

export const restart = async (id: string, body: RestartOptions = {}) =>
  bodyOf(await server.POST("/workspaces/{id}/restart", { ...of(id), body }));

export const pause = async (id: string) =>
  bodyOf(await server.POST("/workspaces/{id}/pause", of(id)));

export const resume = async (id: string) =>
  bodyOf(await server.POST("/workspaces/{id}/resume", of(id)));

/** Refused with 409 and `active_tasks` while it works, unless forced. */
export const hibernate = async (id: string, force: boolean) => {
  const params = { path: { id }, query: force ? { force: "true" } : {} };
  return bodyOf(await server.POST("/workspaces/{id}/hibernate", { params, ...soon() }));
};

export type Member = Schemas["TeamMember"];

/** Starts the members that the workspace's configuration names. */
export const expand = async (id: string) =>
  bodyOf(await server.POST("/workspaces/{id}/expand", slowlyOf(id)));

export type HandOver = Schemas["HandOver"];

/** Takes its members out of the organisation; returns what they have left. */
export const collapse = async (id: string) =>
  bodyOf(await server.POST("/workspaces/{id}/collapse", slowlyOf(id)));

export type Imported = Schemas["ImportedWorkspace"];

/** Makes the workspaces of a bundle. Look at each status. */
export const importBundle = async (bundle: unknown): Promise<Imported> => {
  // The server is who judges it.
  const body = bundle as Schemas["Bundle"];
  return bodyOf(await server.POST("/bundles/import", { body, ...within(IMPORT_MS) }));
};

/** The text of a bundle: it is saved, not read. */
export const exportBundle = async (id: string): Promise<Blob> =>
  (await ask("GET", `/bundles/export/${part(id)}`, { limitMs: IMPORT_MS })).blob();

/** Makes a copy of it and of everybody below, beside it. */
export const duplicate = async (id: string): Promise<Imported> =>
  bodyOf(await server.POST("/workspaces/{id}/duplicate", slowlyOf(id)));

/** A folder that workspaces can be made from. Whoever wrote it chose everything in it. */
export type Template = Schemas["Template"];

export const templates = async () => bodyOf(await server.GET("/templates", soon()));

export const importTemplate = async (name: string, files: Readonly<Record<string, string>>) =>
  bodyOf(await server.POST("/templates/import", { body: { name, files }, ...within(IMPORT_MS) }));

/** A secret that is needed, or several of which one is. */
export type Requirement = string | { any_of: string[] };

/** A folder with the description of a whole organisation. */
export type OrgTemplate = Narrow<
  Schemas["OrgListed"],
  { required_env: Requirement[]; recommended_env: Requirement[] }
>;

export const orgTemplates = async () =>
  bodyOf(await server.GET("/org/templates", soon())) as OrgTemplate[];

export type ImportedOrg = Schemas["ImportedOrg"];

/**
 * Refused with 412 and `missing_env` while secrets are missing, unless forced. With the same key another
 * try goes on where one ended that was not answered.
 */
export const importOrg = async (dir: string, force: boolean, key: string) => {
  const params = { header: { "idempotency-key": key } };
  return bodyOf(
    await server.POST("/org/import", { params, body: { dir, force }, ...within(IMPORT_MS) }),
  );
};

const logOf = (id: string) => `/workspaces/${part(id)}/logs`;

/** The last lines that its agent has written. */
export const logTail = async (id: string, lines: number): Promise<string> =>
  (await ask("GET", logOf(id), { query: { tail: lines } })).text();

/** The same and whatever comes after, until `signal` ends it. */
export async function followLog(
  id: string,
  lines: number,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const query = { tail: lines, follow: 1 };
  const { body } = await ask("GET", logOf(id), { query, signal, limitMs: null });
  if (body === null) throw new Error("the answer has no body");
  return body;
}

export const terminalPath = (id: string, cols: number, rows: number) =>
  `/workspaces/${part(id)}/terminal?cols=${cols}&rows=${rows}`;
