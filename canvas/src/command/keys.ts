/** Every shortcut: what the help shows, and what the keys do. */

import { go } from "../nav";
import { redo, undo } from "../store/arrange";
import { usePast } from "../store/past";
import { useView } from "../store/view";
import { useTimeline } from "../time/state";

export type Group = "general" | "go" | "org";

export interface Shortcut {
  /** Its text is `command:shortcut.<id>`. */
  id: keyof typeof import("../texts/en/command.json")["shortcut"];
  group: Group;
  /** Ways to press it. A space is "then"; `Mod` is Control, or Command on a Mac. */
  keys: readonly string[];
  /** Nothing for those that the focused view handles itself. */
  run?(): void;
  /** Works while a field has the focus, too. */
  everywhere?: boolean;
}

const home = (mode: "canvas" | "list") => () => {
  useView.getState().setMode(mode);
  go("/");
};
const present = (run: () => void) => () => {
  if (usePast.getState().moment === null) run();
};
const set = (change: Parameters<ReturnType<typeof useView.getState>["set"]>[0]) =>
  useView.getState().set(change);

export const SHORTCUTS: readonly Shortcut[] = [
  {
    id: "palette",
    group: "general",
    keys: ["Mod+K"],
    everywhere: true,
    run: () => set({ palette: !useView.getState().palette }),
  },
  { id: "help", group: "general", keys: ["?"], run: () => set({ shortcuts: true }) },
  { id: "search", group: "general", keys: ["/"], run: search },
  {
    id: "create",
    group: "general",
    keys: ["N"],
    run: present(() => set({ creating: { parent: null } })),
  },
  {
    id: "timeline",
    group: "general",
    keys: ["T"],
    run: () => useTimeline.getState().toggle(),
  },
  { id: "undo", group: "general", keys: ["Mod+Z"], run: present(() => void undo()) },
  {
    id: "redo",
    group: "general",
    keys: ["Mod+Shift+Z", "Mod+Y"],
    run: present(() => void redo()),
  },
  { id: "close", group: "general", keys: ["Escape"], run: leave },
  { id: "canvas", group: "go", keys: ["G C"], run: home("canvas") },
  { id: "list", group: "go", keys: ["G L"], run: home("list") },
  { id: "approvals", group: "go", keys: ["G A"], run: () => go("/approvals") },
  { id: "runtime", group: "go", keys: ["G R"], run: () => go("/runtime") },
  { id: "keys", group: "go", keys: ["G K"], run: () => go("/keys") },
  { id: "walk", group: "org", keys: ["↑", "↓", "←", "→"] },
  { id: "open", group: "org", keys: ["Enter"] },
  { id: "select", group: "org", keys: ["Space"] },
  { id: "range", group: "org", keys: ["Shift+↑", "Shift+↓"] },
  { id: "rename", group: "org", keys: ["F2"] },
  { id: "remove", group: "org", keys: ["Delete"] },
  { id: "scrub", group: "org", keys: ["←", "→"] },
];

/** The search box where there is one; the palette searches everywhere else. */
function search(): void {
  const box = document.getElementById("search");
  if (box && box.offsetParent !== null) box.focus();
  else set({ palette: true });
}

/** Dialogs close themselves; what is left is the past, and then the selection. */
function leave(): void {
  const past = usePast.getState();
  if (past.moment !== null || past.wanted !== null) past.live();
  else useView.getState().select([]);
}
