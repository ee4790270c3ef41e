/** The lines of a log that are in memory: bounded, numbered, filled by pieces of text. Pure. */

export const MOST_LINES = 5_000;
/** A line that never ends is cut here. */
const MOST_LETTERS = 16_384;

export interface Line {
  /** Counts up from 0 over the whole stream: it stays when earlier lines are dropped. */
  number: number;
  text: string;
}

export interface Buffer {
  lines: readonly Line[];
  /** What came after the last line break. */
  rest: string;
  /** How many lines have been dropped to make room. */
  dropped: number;
  next: number;
}

export const EMPTY: Buffer = { lines: [], rest: "", dropped: 0, next: 0 };

/** Adds what has come. */
export function append(buffer: Buffer, text: string): Buffer {
  const parts = (buffer.rest + text).split("\n");
  let rest = parts.pop() ?? "";
  let { next } = buffer;
  const added: Line[] = parts.map((part) => ({
    number: next++,
    text: part.slice(0, MOST_LETTERS),
  }));
  if (rest.length > MOST_LETTERS) {
    added.push({ number: next++, text: rest.slice(0, MOST_LETTERS) });
    rest = "";
  }
  const all = added.length === 0 ? buffer.lines : [...buffer.lines, ...added];
  const over = Math.max(0, all.length - MOST_LINES);
  return {
    lines: over > 0 ? all.slice(over) : all,
    rest,
    dropped: buffer.dropped + over,
    next,
  };
}

/** The end of the stream ends its last line. */
export function finish(buffer: Buffer): Buffer {
  return buffer.rest === "" ? buffer : append(buffer, "\n");
}

export const textOf = ({ lines, rest }: Buffer): string =>
  lines.map((line) => `${line.text}\n`).join("") + rest;

/** Lines in groups of as many, so that one that has come draws its own group alone. */
export function grouped(lines: readonly Line[], size: number): { key: number; lines: Line[] }[] {
  const groups: { key: number; lines: Line[] }[] = [];
  for (const line of lines) {
    const key = Math.floor(line.number / size);
    const last = groups.at(-1);
    if (last && last.key === key) last.lines.push(line);
    else groups.push({ key, lines: [line] });
  }
  return groups;
}
