/** Turns key presses into shortcuts. */

import type { Shortcut } from "./keys";

/** How long after the first key of two the second may come, in milliseconds. */
const SEQUENCE_MS = 1_200;

/** What of a keyboard event matters. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  timeStamp: number;
}

/** The name of a press, such as `Mod+Shift+Z`; empty for what no shortcut uses. */
export function nameOf(press: Press): string {
  const { key } = press;
  if (press.altKey || ["Control", "Shift", "Meta", "Alt"].includes(key)) return "";
  const letter = /^[a-z]$/i.test(key);
  const mod = press.ctrlKey || press.metaKey ? "Mod+" : "";
  // Signs such as "?" have their shift key in them already.
  const shift = press.shiftKey && (letter || key.length > 1) ? "Shift+" : "";
  return mod + shift + (letter ? key.toUpperCase() : key);
}

export class KeyReader {
  private first: { name: string; at: number } | null = null;

  constructor(private readonly shortcuts: readonly Shortcut[]) {}

  /** The shortcut that this press completes. In a field, only those that work everywhere. */
  read(press: Press, inField: boolean): Shortcut | undefined {
    const name = nameOf(press);
    const first = this.first;
    if (name === "") return undefined;
    this.first = null;
    const usable = this.shortcuts.filter((one) => one.run && (!inField || one.everywhere));
    const find = (keys: string) => usable.find((one) => one.keys.includes(keys));
    if (first && press.timeStamp - first.at <= SEQUENCE_MS) {
      const both = find(`${first.name} ${name}`);
      if (both) return both;
    }
    if (usable.some((one) => one.keys.some((keys) => keys.startsWith(`${name} `)))) {
      this.first = { name, at: press.timeStamp };
      return undefined;
    }
    return find(name);
  }
}
