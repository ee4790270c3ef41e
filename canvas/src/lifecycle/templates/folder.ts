/** A folder that somebody chose, as a template: paths and texts. */

/** As the server takes them. */
export const MOST_FILES = 200;
export const MOST_BYTES = 5 * 2 ** 20;

export interface Chosen {
  path: string;
  text: string;
}

/** The path without the folder itself, which a browser puts in front. */
export const inFolder = (path: string): string => path.split("/").slice(1).join("/");

const IGNORED = /(^|\/)(\.git|node_modules|__pycache__|\.DS_Store)(\/|$)/;

/** Which of the files are taken along. */
export const wanted = (path: string): boolean => path !== "" && !IGNORED.test(path);

/** What is no text is not for a template. */
export const isText = (text: string): boolean => !/[\0\ufffd]/.test(text);

/** Reads them; `left` names what was left out because it is no text. */
export async function readFolder(
  files: Iterable<File>,
): Promise<{ files: Record<string, string>; left: string[] }> {
  const read: Record<string, string> = {};
  const left: string[] = [];
  for (const file of files) {
    const path = inFolder(file.webkitRelativePath);
    if (!wanted(path)) continue;
    const text = await file.text();
    if (isText(text)) read[path] = text;
    else left.push(path);
  }
  return { files: read, left };
}
