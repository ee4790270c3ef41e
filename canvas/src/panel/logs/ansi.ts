/**
 * Colours of a terminal in lines of text: everything an agent writes is text, and of its control
 * sequences colours and weights alone are followed; all others are dropped. Pure.
 */

/** How a piece is drawn: names, never colours or anything else an agent wrote. */
export interface Style {
  /** One of the 16 colours by number; `undefined`: the text's own. */
  ink?: number;
  ground?: number;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
}

export interface Piece {
  text: string;
  style: Style;
}

const PLAIN: Style = {};
/** Of one line; the rest is cut. */
export const MOST_LETTERS = 8_192;
const MOST_PIECES = 400;

const ESC = "\\u001b";
/** CSI, OSC and other string sequences (ended or not), two-byte escapes, and a lone escape. */
const SEQUENCE = new RegExp(
  `${ESC}\\[([0-9:;<=>?]*)[ -/]*([@-~])|(?:${ESC}[\\]P^_X]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u0007\\u001b\\u009c]*(?:\\u0007|\\u009c|${ESC}\\\\)?|${ESC}[ -/]*[0-~]?|\\u009b([0-9:;<=>?]*)[ -/]*([@-~])`,
  "g",
);
/** Control characters but the tab; also those that change the direction of what is around. */
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A line without its sequences. */
export const plain = (text: string): string =>
  text.replace(SEQUENCE, "").replace(/\r\n/g, "\n").replace(CONTROL, "");

/** What is left of a line that a carriage return goes back in: the last writing. */
function overwritten(line: string): string {
  const trimmed = line.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

/** The pieces of one line. Every line begins without colours: one that is cut off colours no other. */
export function piecesOf(raw: string): Piece[] {
  const line = overwritten(raw).slice(0, MOST_LETTERS);
  const pieces: Piece[] = [];
  let style = PLAIN;
  let at = 0;
  const add = (text: string) => {
    const shown = text.replace(CONTROL, "");
    if (shown === "") return;
    const last = pieces.at(-1);
    if (last && (last.style === style || pieces.length >= MOST_PIECES)) last.text += shown;
    else pieces.push({ text: shown, style });
  };
  for (const found of line.matchAll(SEQUENCE)) {
    add(line.slice(at, found.index));
    at = found.index + found[0].length;
    const [, parameters = found[3], final = found[4]] = found;
    if (final === "m" && parameters !== undefined) style = styled(style, parameters);
  }
  add(line.slice(at));
  return pieces;
}

/** A style after a sequence of "select graphic rendition". */
export function styled(before: Style, parameters: string): Style {
  if (/[<=>?]/.test(parameters)) return before;
  const codes = parameters.split(/[;:]/).map((code) => Number(code || 0));
  let style: Style = { ...before };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const { colour, took } = extended(codes.slice(at + 1));
      if (code === 38) style.ink = colour;
      else style.ground = colour;
      at += took;
    } else style = simple(style, code);
  }
  return style;
}

function simple(style: Style, code: number): Style {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 3) return { ...style, italic: true };
  if (code === 4) return { ...style, underline: true };
  if (code === 7) return { ...style, inverse: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 23) return { ...style, italic: false };
  if (code === 24) return { ...style, underline: false };
  if (code === 27) return { ...style, inverse: false };
  if (code >= 30 && code <= 37) return { ...style, ink: code - 30 };
  if (code === 39) return { ...style, ink: undefined };
  if (code >= 40 && code <= 47) return { ...style, ground: code - 40 };
  if (code === 49) return { ...style, ground: undefined };
  if (code >= 90 && code <= 97) return { ...style, ink: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, ground: code - 92 };
  return style;
}

/** Colours beyond the 16 become the nearest of the 16: only those are readable on every theme. */
function extended(rest: readonly number[]): { colour: number | undefined; took: number } {
  if (rest[0] === 5) return { colour: ofCube(rest[1] ?? 0), took: 2 };
  if (rest[0] === 2) {
    return { colour: nearest(rest[1] ?? 0, rest[2] ?? 0, rest[3] ?? 0), took: 4 };
  }
  return { colour: undefined, took: rest.length };
}

function ofCube(number: number): number | undefined {
  if (number < 0 || number > 255) return undefined;
  if (number < 16) return number;
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return nearest(grey, grey, grey);
  }
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = number - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

/** By which of the three stand out; bright where they are bright. */
function nearest(red: number, green: number, blue: number): number {
  const most = Math.max(red, green, blue);
  if (most < 48) return 0;
  const bit = (value: number) => (value > most * 0.6 ? 1 : 0);
  const base = bit(red) + bit(green) * 2 + bit(blue) * 4;
  if (base === 7) return most > 200 ? 15 : most > 120 ? 7 : 8;
  return most > 200 ? base + 8 : base;
}
