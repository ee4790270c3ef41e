/** Uploads of texts that were dropped. */

import { type Root, writeFile } from "../../api/files";
import { ApiError } from "../../api/http";
import { badPath, isBinary, join, MOST_UPLOADED } from "./paths";

/** Files of one drop. */
export const MOST_FILES = 200;

/** Why a file was not uploaded; each is a text `upload.<reason>`. */
export type Refused = "binary" | "large" | "name" | "exists" | "refused";

export interface Uploaded {
  name: string;
  refused?: Refused;
  /** The server's words. */
  why?: string;
}

/** Writes one file; one that is there already is left alone. */
export async function upload(
  id: string,
  root: Root,
  folder: string,
  file: File,
): Promise<Uploaded> {
  const path = join(folder, file.name);
  const refuse = (refused: Refused, why?: string): Uploaded => ({ name: file.name, refused, why });
  if (badPath(path)) return refuse("name");
  if (file.size > MOST_UPLOADED) return refuse("large");
  const text = await file.text();
  if (isBinary(text)) return refuse("binary");
  try {
    await writeFile(id, root, path, text, "absent");
    return { name: file.name };
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) return refuse("exists");
    return refuse("refused", error instanceof Error ? error.message : String(error));
  }
}
