/** What runs agents: starting and stopping them, teams, bundles and templates; a function a call. */

import { ask, part } from "./http";
import type { Status } from "./types";

/** Imports make many workspaces; in milliseconds. */
const IMPORT_MS = 120_000;

const of = (id: string, action: string) => `/workspaces/${part(id)}/${action}`;

async function json<T>(answer: Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

export interface RestartOptions {
  /** Writes the files of its template over those that are there. */
  apply_template?: boolean;
  /** Begins a new session: what the agent remembers of the last one is dropped. */
  reset?: boolean;
}

export const restart = (id: string, body: RestartOptions = {}) =>
  json<{ status: Status }>(ask("POST", of(id, "restart"), { body }));

export const pause = (id: string) =>
  json<{ paused_count: number }>(ask("POST", of(id, "pause"), { body: {} }));

export const resume = (id: string) =>
  json<{ resumed_count: number }>(ask("POST", of(id, "resume"), { body: {} }));

/** Refused with 409 and `active_tasks` while it works, unless forced. */
export const hibernate = (id: string, force: boolean) =>
  json<{ status: Status }>(
    ask("POST", of(id, "hibernate"), { body: {}, query: force ? { force: true } : {} }),
  );

export interface Member {
  id: string;
  name: string;
  role?: string | null;
}

/** Starts the members that the workspace's configuration names. */
export const expand = (id: string) =>
  json<{ children: Member[] }>(ask("POST", of(id, "expand"), { body: {}, limitMs: IMPORT_MS }));

/** What a member that goes has left: a file of the one above, or why there is none. */
export interface HandOver {
  id: string;
  name: string;
  file?: string;
  error?: string;
}

/** Takes its members out of the organisation; returns the names of those directly below it. */
export const collapse = (id: string) =>
  json<{ removed: string[]; handovers?: HandOver[] }>(
    ask("POST", of(id, "collapse"), { body: {}, limitMs: IMPORT_MS }),
  );

/** What became of one workspace of a bundle. */
export interface Imported {
  workspace_id?: string;
  name: string;
  status: string;
  error?: string;
  children?: Imported[];
}

/** Makes the workspaces of a bundle, below `parent` or as roots. Look at each status. */
export const importBundle = (bundle: unknown, parent: string | null) =>
  json<Imported>(
    ask("POST", "/bundles/import", {
      body: bundle,
      query: parent === null ? {} : { parent_id: parent },
      limitMs: IMPORT_MS,
    }),
  );

/** The text of a bundle: it is saved, not read. */
export const exportBundle = async (id: string): Promise<Blob> =>
  (await ask("GET", `/bundles/export/${part(id)}`, { limitMs: IMPORT_MS })).blob();

/** Makes a copy of it and of everybody below, beside it. */
export const duplicate = (id: string) =>
  json<Imported>(ask("POST", of(id, "duplicate"), { body: {}, limitMs: IMPORT_MS }));

/** A folder that workspaces can be made from. Whoever wrote it chose everything in it. */
export interface Template {
  id: string;
  name: string;
  description?: string;
  tier?: number;
  runtime?: string;
  model?: string;
  required_env?: string[] | null;
  skill_count?: number;
}

export const templates = () => json<Template[]>(ask("GET", "/templates"));

export const importTemplate = (name: string, files: Readonly<Record<string, string>>) =>
  json<{ id: string; name: string }>(
    ask("POST", "/templates/import", { body: { name, files }, limitMs: IMPORT_MS }),
  );

/** A secret that is needed, or several of which one is. */
export type Requirement = string | { any_of: string[] };

/** A folder with the description of a whole organisation. */
export interface OrgTemplate {
  dir: string;
  name: string;
  description?: string;
  /** Over the whole tree. */
  workspaces: number;
  required_env?: Requirement[];
  recommended_env?: Requirement[];
}

export const orgTemplates = () => json<OrgTemplate[]>(ask("GET", "/org/templates"));

export interface ImportedOrg {
  org: string;
  workspaces: { id: string; name: string; tier?: number; status?: string }[];
  count: number;
  /** Where it stopped, when it did not get to the end. */
  error?: string;
}

/** Refused with 412 and `missing_env` while secrets are missing, unless forced. */
export const importOrg = (dir: string, force: boolean) =>
  json<ImportedOrg>(ask("POST", "/org/import", { body: { dir, force }, limitMs: IMPORT_MS }));

/** The last lines that its agent has written. */
export const logTail = async (id: string, lines: number): Promise<string> =>
  (await ask("GET", of(id, "logs"), { query: { tail: lines } })).text();

/** The same and whatever comes after, until `signal` ends it. */
export async function followLog(
  id: string,
  lines: number,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const query = { tail: lines, follow: 1 };
  const { body } = await ask("GET", of(id, "logs"), { query, signal, limitMs: null });
  if (body === null) throw new Error("the answer has no body");
  return body;
}

export const terminalPath = (id: string, cols: number, rows: number) =>
  `${of(id, "terminal")}?cols=${cols}&rows=${rows}`;
