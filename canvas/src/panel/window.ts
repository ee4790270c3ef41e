/** The panel as a window: how wide it is, and how it is left. */

import { useState } from "react";
import { go } from "../nav";

export const MIN_WIDTH = 360;
export const MAX_WIDTH = 900;
/** Most tabs fit; the others are scrolled to. */
export const FIRST_WIDTH = 540;
const KEY = "isomer.panel.width";

export const within = (width: number): number =>
  Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)));

/** The width in CSS pixels, remembered for the next time. */
export function useWidth(): [number, (width: number) => void] {
  const [width, setWidth] = useState(stored);
  const change = (wanted: number) => {
    const bounded = within(wanted);
    setWidth(bounded);
    try {
      localStorage.setItem(KEY, String(bounded));
    } catch {
      // Private windows may refuse; the width then lasts as long as the page.
    }
  };
  return [width, change];
}

function stored(): number {
  try {
    return within(Number(localStorage.getItem(KEY)) || FIRST_WIDTH);
  } catch {
    return FIRST_WIDTH;
  }
}

/** Leaves the panel; the focus goes to where the workspace is shown, so that it is not lost. */
export function close(id: string): void {
  go("/");
  const node = document.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
  (node ?? document.getElementById("main"))?.focus();
}
