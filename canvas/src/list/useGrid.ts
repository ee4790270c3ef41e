/** Focus, selection and keys of the list. */

import { type KeyboardEvent, type MouseEvent, useRef, useState } from "react";
import { go, pathOf } from "../nav";
import { useReadOnly } from "../store/shown";
import { useView } from "../store/view";
import type { Row } from "./rows";

const PAGE = 10;

export interface Grid {
  /** The row that keys speak of. */
  active: string | null;
  setActive(id: string): void;
  onKeyDown(event: KeyboardEvent<HTMLElement>): void;
  onRowClick(event: MouseEvent<HTMLElement>, id: string): void;
  /** Selects or unselects; with `range`, everything from the last one to here. */
  pick(id: string, range: boolean): void;
}

export interface GridOptions {
  rows: readonly Row[];
  setFolded(id: string, folded: boolean): void;
  show(index: number): void;
}

export function useGrid({ rows, setFolded, show }: GridOptions): Grid {
  const readOnly = useReadOnly();
  const { selected, select, toggle, set } = useView();
  const [chosen, setChosen] = useState<string | null>(null);
  const anchor = useRef<string | null>(null);
  const indexOf = (id: string | null) => rows.findIndex((row) => row.id === id);
  const active = indexOf(chosen) >= 0 ? chosen : (rows[0]?.id ?? null);

  const setActive = (id: string) => {
    setChosen(id);
    show(indexOf(id));
  };
  const pick = (id: string, range: boolean) => {
    const from = range ? indexOf(anchor.current) : -1;
    setChosen(id);
    if (from < 0) {
      anchor.current = id;
      toggle(id);
      return;
    }
    const to = indexOf(id);
    const between = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    select([...selected, ...between.map((row) => row.id)]);
  };
  const step = (by: number, extend: boolean) => {
    const at = indexOf(active);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (!next) return;
    if (extend) {
      if (anchor.current === null && active) anchor.current = active;
      pick(next.id, true);
    } else anchor.current = null;
    setActive(next.id);
  };
  /** Right: unfold, then to the first member. Left: fold, then to the parent. */
  const sideways = (right: boolean) => {
    const at = indexOf(active);
    const row = rows[at];
    if (!row) return;
    if (right && row.open === false) setFolded(row.id, false);
    else if (right && row.open) step(1, false);
    else if (!right && row.open) setFolded(row.id, true);
    else if (!right) {
      for (let up = at - 1; up >= 0; up--) {
        const above = rows[up];
        if (above && above.depth < row.depth) return setActive(above.id);
      }
    }
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || !active) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
      event.preventDefault();
      return select(rows.map((row) => row.id));
    }
    if (!plain) return;
    const moves = new Map<string, () => void>([
      ["ArrowDown", () => step(1, event.shiftKey)],
      ["ArrowUp", () => step(-1, event.shiftKey)],
      ["PageDown", () => step(PAGE, event.shiftKey)],
      ["PageUp", () => step(-PAGE, event.shiftKey)],
      ["Home", () => step(-rows.length, event.shiftKey)],
      ["End", () => step(rows.length, event.shiftKey)],
      ["ArrowRight", () => sideways(true)],
      ["ArrowLeft", () => sideways(false)],
      ["Enter", () => go(pathOf(active))],
      [" ", () => pick(active, event.shiftKey)],
      ["Escape", () => select([])],
    ]);
    const changes = new Map<string, () => void>([
      ["F2", () => set({ renaming: active })],
      ["Delete", () => set({ removing: selected.size > 0 ? [...selected] : [active] })],
    ]);
    const run = moves.get(event.key) ?? (readOnly ? undefined : changes.get(event.key));
    // Escape has more to do elsewhere when nothing is selected.
    if (!run || (event.key === "Escape" && selected.size === 0)) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  };

  const onRowClick = (event: MouseEvent<HTMLElement>, id: string) => {
    if ((event.target as HTMLElement).closest("button, input, [role=menuitem]")) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      event.preventDefault();
      return pick(id, event.shiftKey);
    }
    setChosen(id);
    go(pathOf(id));
  };
  return { active, setActive, onKeyDown, onRowClick, pick };
}
