import { useEffect } from "react";
import { SHORTCUTS } from "./keys";
import { KeyReader } from "./reader";

/** Listens for shortcuts. Fields keep their keys, and so does whatever is open above the page. */
export function useKeys(): void {
  useEffect(() => {
    const reader = new KeyReader(SHORTCUTS);
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const shortcut = reader.read(event, isField(event.target) || isCovered());
      if (!shortcut?.run) return;
      event.preventDefault();
      shortcut.run();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("textarea, select")) return true;
  const input = target.closest("input");
  return input !== null && !["checkbox", "radio", "button"].includes(input.type);
}

/** A dialog or a menu that has the keys. */
function isCovered(): boolean {
  return document.querySelector('[role="dialog"][data-state="open"], [role="menu"]') !== null;
}
