/** What a person sees and has chosen; nothing of it is the organisation. */

import { create } from "zustand";
import type { Status } from "../api/types";

export type Theme = "light" | "dark" | "system";
export type Mode = "canvas" | "list";

export interface ViewState {
  theme: Theme;
  mode: Mode;
  /** Chosen workspaces; the panel shows one only when it is alone. */
  selected: ReadonlySet<string>;
  search: string;
  /** Empty: every status. */
  statuses: ReadonlySet<Status>;
  palette: boolean;
  shortcuts: boolean;
  /** The create dialog, and the parent it begins with. */
  creating: Starting | null;
  /** Workspaces that somebody wants removed: asks first. */
  removing: readonly string[] | null;
  /** The workspace that is to be forwarded. */
  forwarding: string | null;
  /** Workspaces that would report to another, waiting for a yes. */
  nesting: Nesting | null;
  renaming: string | null;
  setTheme(theme: Theme): void;
  setMode(mode: Mode): void;
  select(ids: Iterable<string>): void;
  toggle(id: string): void;
  set(change: Partial<Pick<ViewState, Settable>>): void;
}

/** What the create dialog begins with. */
export interface Starting {
  parent: string | null;
  /** Whether an external agent is chosen already. */
  external?: boolean;
  /** A template that is chosen already. */
  template?: string;
}

export interface Nesting {
  ids: readonly string[];
  parent: string | null;
  /** Where the dragged node lies in its new parent. */
  position?: { x: number; y: number };
}

type Settable =
  | "search"
  | "statuses"
  | "palette"
  | "shortcuts"
  | "creating"
  | "removing"
  | "forwarding"
  | "nesting"
  | "renaming";

const THEME = "isomer.theme";
const MODE = "isomer.mode";

export const useView = create<ViewState>((set) => ({
  theme: stored(THEME, ["light", "dark", "system"], "system"),
  mode: stored(MODE, ["canvas", "list"], narrow() ? "list" : "canvas"),
  selected: new Set(),
  search: "",
  statuses: new Set(),
  palette: false,
  shortcuts: false,
  creating: null,
  removing: null,
  forwarding: null,
  nesting: null,
  renaming: null,
  setTheme(theme) {
    keep(THEME, theme);
    set({ theme });
  },
  setMode(mode) {
    keep(MODE, mode);
    set({ mode });
  },
  select: (ids) => set({ selected: new Set(ids) }),
  toggle: (id) =>
    set((was) => {
      const selected = new Set(was.selected);
      if (!selected.delete(id)) selected.add(id);
      return { selected };
    }),
  set,
}));

function narrow(): boolean {
  return typeof matchMedia === "function" && matchMedia("(max-width: 767px)").matches;
}

function stored<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((one) => one === value) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
