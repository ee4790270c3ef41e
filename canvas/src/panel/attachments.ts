/** Files of messages: what of a message is one, and where it is downloaded. Pure. */

import type { ChatFile } from "../api/types";
import { listOf, recordOf, textOf, webUrl } from "./safe";

/** What the server takes in one upload (docs/api/platform-api.md, "Chat files"). */
export const MOST_FILES = 20;
export const MOST_BYTES_EACH = 25 * 2 ** 20;
/** Less than the server's 50 MiB, of which the form itself takes a little. */
export const MOST_BYTES = 50 * 2 ** 20 - 64 * 1024;
/** Files of one message that are shown. */
const SHOWN = 50;

export interface Attachment {
  name: string;
  /** Empty when the file is in the message itself. */
  uri: string;
  /** In bytes. */
  size?: number;
}

/** Returns the files among the parts of a message, by A2A 0.3 (`file`) and 1.0 (`url`). */
export function attachmentsIn(parts: readonly unknown[]): Attachment[] {
  return parts
    .map(attachmentOf)
    .filter((one) => one !== undefined)
    .slice(0, SHOWN);
}

function attachmentOf(part: unknown): Attachment | undefined {
  const fields = recordOf(part);
  const file = recordOf(fields.file);
  const uri = textOf(file.uri) || textOf(file.fileWithUri) || textOf(fields.url);
  const name = textOf(file.name) || textOf(fields.filename);
  const inside = [file.bytes, file.fileWithBytes, fields.raw].some((one) => textOf(one) !== "");
  if (uri === "" && !inside) return undefined;
  return described(uri, name, file.size);
}

/** Returns the files that an agent named beside a message (`{uri, name, size}`). */
export function attachmentsOf(list: unknown): Attachment[] {
  const files = listOf(list)
    .map(recordOf)
    .filter((file) => textOf(file.uri) !== "");
  return files
    .map((file) => described(textOf(file.uri), textOf(file.name), file.size))
    .slice(0, SHOWN);
}

function described(uri: string, name: string, size: unknown): Attachment {
  const known = typeof size === "number" && Number.isFinite(size) && size >= 0;
  return { uri, name: honest(name || lastOf(uri)), ...(known ? { size } : {}) };
}

/** Shows marks that would turn letters around, and with them the ending of a name. */
const honest = (name: string) =>
  name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

const lastOf = (uri: string) => uri.split(/[?#]/)[0]?.split("/").filter(Boolean).at(-1) ?? uri;

/** The part of a message that carries an uploaded file. */
export const partOf = ({ uri, name, mimeType, size }: ChatFile) => ({
  kind: "file",
  file: { uri, name, ...(mimeType === undefined ? {} : { mimeType }), size },
});

const WORKSPACE = "workspace:";

/** Where a file is: with the server, on the web, or nowhere that may be followed. */
export type Place = { kind: "download" | "web"; href: string } | undefined;

/** Returns where a file of a conversation with `id` is. */
export function placeOf(id: string, uri: string): Place {
  const path = uri.startsWith(WORKSPACE) ? uri.slice(WORKSPACE.length) : "";
  if (path.startsWith("/")) {
    const query = new URLSearchParams({ path });
    return {
      kind: "download",
      href: `/workspaces/${encodeURIComponent(id)}/chat/download?${query}`,
    };
  }
  const href = webUrl(uri);
  return href === undefined ? undefined : { kind: "web", href };
}

export type TooMuch = "too_many_files" | "file_too_large" | "files_too_large";

/** Why files cannot be sent together, as the key of its text; `undefined` when they can. */
export function tooMuch(files: readonly { size: number }[]): TooMuch | undefined {
  if (files.length > MOST_FILES) return "too_many_files";
  if (files.some((file) => file.size > MOST_BYTES_EACH)) return "file_too_large";
  const all = files.reduce((sum, file) => sum + file.size, 0);
  return all > MOST_BYTES ? "files_too_large" : undefined;
}
