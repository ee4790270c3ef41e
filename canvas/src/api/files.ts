/** The files of a workspace: one function a call. */

import { ask, part } from "./http";
import type { components } from "./schema";

type Schemas = components["schemas"];

export const ROOTS = ["/configs", "/workspace", "/home", "/plugins"] as const;
export type Root = (typeof ROOTS)[number];

/** Of a folder that was listed; its path is below that. */
export type Entry = Schemas["FileEntry"];

export interface FileText extends Omit<Schemas["FileContent"], "path"> {
  /** What it was when it was read; `null` when the server does not say. */
  tag: string | null;
}

const of = (id: string, path = "") =>
  `/workspaces/${part(id)}/files${path === "" ? "" : `/${path.split("/").map(part).join("/")}`}`;

/** What is in a folder; `path` is empty for the root itself. */
export async function listFiles(id: string, root: Root, path: string): Promise<Entry[]> {
  const query = { root, ...(path === "" ? {} : { path }), depth: 1 };
  return (await ask("GET", of(id), { query })).json();
}

export async function readFile(id: string, root: Root, path: string): Promise<FileText> {
  const answer = await ask("GET", of(id, path), { query: { root } });
  const read = (await answer.json()) as Schemas["FileContent"];
  return { ...read, tag: answer.headers.get("etag") };
}

/** What a file must be for a change of it to be made. */
export type Expected = { tag: string } | "absent" | "anything";

const condition = (expected: Expected): Record<string, string> => {
  if (expected === "anything") return {};
  return expected === "absent" ? { "if-none-match": "*" } : { "if-match": expected.tag };
};

/** Writes a file; refused with 412 when it is not as expected. Returns what it is then. */
export async function writeFile(
  id: string,
  root: Root,
  path: string,
  content: string,
  expected: Expected,
): Promise<string | null> {
  const options = { query: { root }, body: { content }, headers: condition(expected) };
  return (await ask("PUT", of(id, path), options)).headers.get("etag");
}

export async function deleteFile(
  id: string,
  root: Root,
  path: string,
  expected: Expected,
): Promise<void> {
  await ask("DELETE", of(id, path), { query: { root }, headers: condition(expected) });
}
