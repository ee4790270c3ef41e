/** Saves what is in memory as a file. */

/** Longest name without its ending, in letters. */
const MOST = 80;

/** A name that every file system takes. */
export function fileName(name: string, ending: string): string {
  const plain = [...name.normalize("NFC").replace(/[^\p{L}\p{N}_.-]+/gu, "-")]
    .slice(0, MOST)
    .join("");
  return `${plain.replace(/^[.-]+|[.-]+$/g, "") || "workspace"}${ending}`;
}

export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken hold of it by the next turn of its loop.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
