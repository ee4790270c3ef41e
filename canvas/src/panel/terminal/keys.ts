/** Which keys the terminal leaves to the page. Pure. */

/** After Escape, Tab leaves within this; in milliseconds. */
const LEAVES_MS = 2_000;

export interface Press {
  type: string;
  key: string;
  ctrlKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  timeStamp: number;
}

export type Meaning = "terminal" | "page" | "copy" | "paste";

const MODIFIERS = ["Shift", "Control", "Alt", "Meta"];

/** Reads presses one after another: Escape, then Tab, leaves the terminal (WCAG 2.1.2). */
export class Keys {
  private escapedAt: number | null = null;

  /** `selected`: whether something is selected that could be copied. */
  read(press: Press, selected: boolean): Meaning {
    const { key } = press;
    if (press.type !== "keydown") return key === "Tab" ? "page" : "terminal";
    if (MODIFIERS.includes(key)) return "terminal";
    const escaped = this.escapedAt !== null && press.timeStamp - this.escapedAt <= LEAVES_MS;
    this.escapedAt = key === "Escape" ? press.timeStamp : null;
    if (key === "Tab" && escaped) return "page";
    const letter = key.toLowerCase();
    const both = press.ctrlKey && press.shiftKey && !press.altKey;
    if (letter === "c" && (both || (press.metaKey && selected))) return "copy";
    if (letter === "v" && (both || press.metaKey)) return "paste";
    // Control and C copies what is selected, and interrupts when nothing is.
    if (letter === "c" && press.ctrlKey && !press.altKey && selected) return "copy";
    return "terminal";
  }
}
