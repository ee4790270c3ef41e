/** Paths below a root, and what of a file can be edited. Pure. */

import type { Entry, FileText } from "../../api/files";

/** Larger files are not put into the editor. */
export const MOST_EDITED = 1024 * 1024;
/** The server's limit for one file. */
export const MOST_UPLOADED = 5 * 2 ** 20;

export const join = (folder: string, name: string): string =>
  folder === "" ? name : `${folder}/${name}`;

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Why a path cannot be one; each is a text `path_bad.<reason>`. */
export type BadPath = "empty" | "absolute" | "dots" | "control" | "long";

export function badPath(path: string): BadPath | undefined {
  if (path.trim() === "" || path.endsWith("/")) return "empty";
  if (path.startsWith("/") || path.includes("\\")) return "absolute";
  if (path.includes("..") || path.split("/").some((step) => step === "." || step === "")) {
    return "dots";
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "control";
  return new TextEncoder().encode(path).length > 1024 ? "long" : undefined;
}

/** Folders first, then by name. */
export function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort(
    (a, b) =>
      Number(b.dir) - Number(a.dir) || a.path.localeCompare(b.path) || (a.path < b.path ? -1 : 1),
  );
}

/** Bytes that are no text came as the replacement character, or are zero. */
export const isBinary = (content: string): boolean => /[\0\ufffd]/.test(content);

export type Kind = "text" | "binary" | "large" | "cut";

export function kindOf({ content, size, lossy, truncated }: Omit<FileText, "tag">): Kind {
  if (lossy || content.includes("\0")) return "binary";
  // What was not sent would be lost with the next writing.
  if (truncated) return "cut";
  return size > MOST_EDITED ? "large" : "text";
}

/** Files that an agent reads when it starts. */
export const needsRestart = (root: string): boolean => root === "/configs";

export type Language = "yaml" | "json" | "plain";

export function languageOf(path: string): Language {
  if (/\.ya?ml$/i.test(path)) return "yaml";
  return /\.(json|jsonl)$/i.test(path) ? "json" : "plain";
}
