/** The colours of the page, as the terminal takes them. */

import type { ITheme } from "@xterm/xterm";

export function themeOf(element: Element): ITheme {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const dark = document.documentElement.dataset.theme === "dark";
  return {
    background: colour("raised"),
    foreground: colour("ink"),
    cursor: colour("accent"),
    cursorAccent: colour("accent-ink"),
    selectionBackground: `${colour("accent")}55`,
    black: dark ? colour("line-strong") : colour("ink"),
    red: colour("danger"),
    green: colour("good"),
    yellow: colour("warn"),
    blue: colour("busy"),
    magenta: colour("accent"),
    cyan: dark ? "#7fd4d4" : "#0f6a70",
    white: dark ? colour("ink") : colour("muted"),
    brightBlack: colour("muted"),
    brightRed: colour("danger"),
    brightGreen: colour("good"),
    brightYellow: colour("warn"),
    brightBlue: colour("busy"),
    brightMagenta: colour("accent"),
    brightCyan: dark ? "#7fd4d4" : "#0f6a70",
    brightWhite: colour("ink"),
  };
}
