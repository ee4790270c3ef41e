/** Everything the palette can do that is not a workspace. */

import type { TFunction } from "i18next";
import { logout } from "../api/calls";
import { STATUSES } from "../api/types";
import { pickParent } from "../dialogs/picking";
import { useGuide } from "../guide/state";
import { offered } from "../lifecycle/actions";
import { knownFeatures } from "../lifecycle/features";
import { begin, pose } from "../lifecycle/state";
import { useTemplates } from "../lifecycle/templates/known";
import { scoreOf } from "../model/find";
import { go, pathOf, tabsWith } from "../nav";
import { redo, undo, useArrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { useTimeline } from "../time/state";

export type CommandGroup = "here" | "do" | "go" | "view" | "filter" | "moment";

export interface Command {
  id: string;
  group: CommandGroup;
  label: string;
  /** How it can be had without the palette, as in `keys.ts`. */
  keys?: string;
  /** The palette stays open: the command goes on in it. */
  stays?: boolean;
  run(): void;
}

type T = TFunction<["command", "common"]>;

/** The tabs of a workspace, and what can be done with it. */
export function ofWorkspace(t: T, id: string): Command[] {
  const { set } = useView.getState();
  const tabs: Command[] = tabsWith(knownFeatures()).map((tab) => ({
    id: `tab-${tab}`,
    group: "here",
    label: t(`tab.${tab}`),
    run: () => go(pathOf(id, tab)),
  }));
  if (usePast.getState().moment) return tabs;
  const act = (key: "rename" | "child" | "move_out" | "forward" | "remove", run: () => void) => ({
    id: `do-${key}`,
    group: "here" as const,
    label: t(`workspace.${key}`),
    run,
  });
  return [
    ...tabs,
    act("rename", () => set({ renaming: id })),
    act("child", () => set({ creating: { parent: id } })),
    { id: "do-move", group: "here", label: t("workspace.move"), run: () => pickParent([id]) },
    act("move_out", () => set({ nesting: { ids: [id], parent: null } })),
    ...lifecycle(t, id),
    act("forward", () => set({ forwarding: id })),
    act("remove", () => set({ removing: [id] })),
  ];
}

/** What can be done with its agent. */
function lifecycle(t: T, id: string): Command[] {
  const { org, tree } = useOrg.getState();
  const workspace = org[id];
  if (!workspace) return [];
  const members = tree.children[id]?.length ?? 0;
  return offered(workspace, knownFeatures(), members).map((action) => ({
    id: `do-${action}`,
    group: "here",
    label: t(`common:act.${action}`),
    run: () => begin(action, [id]),
  }));
}

/** What is made of bundles and templates. */
function importing(t: T): Command[] {
  const features = knownFeatures();
  const pick = (id: string, label: string, run: () => void): Command => ({
    id,
    group: "do",
    label,
    run,
  });
  const commands: Command[] = [];
  if (features?.bundles) {
    commands.push(
      pick("import-bundle", t("import_bundle"), () =>
        pose({ kind: "bundle", file: null, parent: null }),
      ),
    );
  }
  if (!features?.templates) return commands;
  commands.push(
    pick("import-org", t("import_org"), () => pose({ kind: "organisation" })),
    pick("import-template", t("import_template"), () => pose({ kind: "template" })),
  );
  for (const { id, name } of useTemplates.getState().list) {
    commands.push(
      pick(`template-${id}`, t("from_template", { name: name || id }), () =>
        useView.getState().set({ creating: { parent: null, template: id } }),
      ),
    );
  }
  return commands;
}

/** Commands that are always there. `askMoment` goes on in the palette. */
export function general(t: T, askMoment: () => void): Command[] {
  return [...doing(t), ...going(t, askMoment), ...viewing(t), ...filters(t)];
}

function doing(t: T): Command[] {
  if (usePast.getState().moment) return [];
  const { set } = useView.getState();
  const { past, future } = useArrange.getState();
  const commands: (Command | false)[] = [
    {
      id: "create",
      group: "do",
      label: t("common:create"),
      keys: "N",
      run: () => set({ creating: { parent: null } }),
    },
    { id: "layout", group: "do", label: t("auto_layout"), run: layOut },
    past.length > 0 && {
      id: "undo",
      group: "do",
      label: t("common:undo"),
      keys: "Mod+Z",
      run: () => void undo(),
    },
    future.length > 0 && {
      id: "redo",
      group: "do",
      label: t("common:redo"),
      keys: "Mod+Shift+Z",
      run: () => void redo(),
    },
  ];
  return [...commands.filter((one) => one !== false), ...importing(t)];
}

/** The canvas hears this once it is shown. */
function layOut(): void {
  useView.getState().setMode("canvas");
  go("/");
  setTimeout(() => dispatchEvent(new CustomEvent("isomer:auto-layout")), 100);
}

function going(t: T, askMoment: () => void): Command[] {
  const past = usePast.getState();
  const show = (mode: "canvas" | "list") => () => {
    useView.getState().setMode(mode);
    go("/");
  };
  const commands: Command[] = [
    { id: "canvas", group: "go", label: t("to_canvas"), keys: "G C", run: show("canvas") },
    { id: "list", group: "go", label: t("to_list"), keys: "G L", run: show("list") },
    {
      id: "approvals",
      group: "go",
      label: t("to_approvals"),
      keys: "G A",
      run: () => go("/approvals"),
    },
    { id: "runtime", group: "go", label: t("to_runtime"), keys: "G R", run: () => go("/runtime") },
    { id: "keys", group: "go", label: t("to_keys"), keys: "G K", run: () => go("/keys") },
    { id: "moment", group: "go", label: t("moment"), stays: true, run: askMoment },
    { id: "compare", group: "go", label: t("compare"), run: compare },
  ];
  if (past.moment) {
    commands.unshift({
      id: "live",
      group: "go",
      label: t("live"),
      keys: "Escape",
      run: past.live,
    });
  }
  return commands;
}

function compare(): void {
  go("/");
  useTimeline.getState().compare(true);
}

function viewing(t: T): Command[] {
  const view = useView.getState();
  return [
    ...(["light", "dark", "system"] as const).map((theme) => ({
      id: `theme-${theme}`,
      group: "view" as const,
      label: t("theme", { theme: t(`common:theme_${theme}`) }),
      run: () => view.setTheme(theme),
    })),
    {
      id: "timeline",
      group: "view",
      label: t("timeline"),
      keys: "T",
      run: () => useTimeline.getState().toggle(),
    },
    { id: "guide", group: "view", label: t("guide"), run: () => useGuide.getState().reopen() },
    {
      id: "shortcuts",
      group: "view",
      label: t("shortcuts"),
      keys: "?",
      run: () => view.set({ shortcuts: true }),
    },
    {
      id: "log-out",
      group: "view",
      label: t("common:log_out"),
      run: () => void logout().then(() => location.reload(), notify.failed),
    },
  ];
}

function filters(t: T): Command[] {
  const { set } = useView.getState();
  const only: Command[] = STATUSES.filter((status) => status !== "removed").map((status) => ({
    id: `filter-${status}`,
    group: "filter",
    label: t(`common:status.${status}`),
    run: () => set({ statuses: new Set([status]) }),
  }));
  only.push({
    id: "filter-none",
    group: "filter",
    label: t("clear_search"),
    run: () => set({ statuses: new Set(), search: "" }),
  });
  return only;
}

/** Those that fit what was typed, the best first; all when nothing was. */
export function fitting(t: T, commands: readonly Command[], query: string): readonly Command[] {
  if (query.trim() === "") return commands;
  return commands
    .map((command) => ({
      command,
      score: scoreOf(
        [command.label, command.group === "here" ? "" : t(`group.${command.group}`)],
        query,
      ),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command);
}
