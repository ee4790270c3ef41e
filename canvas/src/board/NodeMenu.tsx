import {
  ChevronsDownUp,
  ChevronsUpDown,
  FolderInput,
  PanelRightOpen,
  Pencil,
  Plus,
  Trash2,
  Undo2,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { MenuAt, type MenuItem } from "../kit";
import { useLifecycleItems } from "../lifecycle/items";
import { parentOf } from "../model/tree";
import { go, pathOf } from "../nav";
import { arrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { useReadOnly, useShownTree, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { refocus } from "./focus";
import { closeMenu, useMenu } from "./menu";

/** What can be done with a workspace; of a chosen one, with all that are chosen where that fits. */
export function NodeMenu() {
  const open = useMenu((menu) => menu.open);
  const workspace = useShownWorkspace(open?.id);
  return open && workspace ? <Opened key={open.id} at={open.at} workspace={workspace} /> : null;
}

function Opened({ at, workspace }: { at: { x: number; y: number }; workspace: Workspace }) {
  const items = useItems(workspace);
  return <MenuAt at={at} items={items} onClose={closeMenu} restore={restore} />;
}

/** Not when an entry has opened a field that has the focus by now. */
function restore(): void {
  if (document.activeElement === null || document.activeElement === document.body) refocus();
}

function useItems(workspace: Workspace): MenuItem[] {
  const { t } = useTranslation("board");
  const readOnly = useReadOnly();
  const team = (useShownTree().children[workspace.id]?.length ?? 0) > 0;
  const { set, selected } = useView.getState();
  const { id, collapsed } = workspace;
  const ids = selected.has(id) ? [...selected] : [id];
  const { org } = useOrg.getState();
  const lifecycle = useLifecycleItems(workspace, ids).map((item) => ({
    ...item,
    disabled: readOnly,
  }));
  const nested = ids.filter((one) => parentOf(org, one) !== null);
  const icon = { size: 15, "aria-hidden": true } as const;
  const items: (MenuItem | false)[] = [
    { label: t("open"), icon: <PanelRightOpen {...icon} />, onSelect: () => go(pathOf(id)) },
    {
      label: t("rename"),
      icon: <Pencil {...icon} />,
      disabled: readOnly,
      // After the menu has given the focus back.
      onSelect: () => setTimeout(() => set({ renaming: id })),
    },
    {
      label: t("new_member"),
      icon: <Plus {...icon} />,
      disabled: readOnly,
      onSelect: () => set({ creating: { parent: id } }),
    },
    team && {
      label: t(collapsed ? "unfold" : "fold"),
      icon: collapsed ? <ChevronsUpDown {...icon} /> : <ChevronsDownUp {...icon} />,
      disabled: readOnly,
      onSelect: () => void fold(id, !collapsed),
    },
    nested.length > 0 && {
      label: t("un_nest"),
      icon: <Undo2 {...icon} />,
      disabled: readOnly,
      onSelect: () => set({ nesting: { ids: nested, parent: null } }),
    },
    ...lifecycle,
    {
      label: t("forward"),
      icon: <FolderInput {...icon} />,
      disabled: readOnly,
      onSelect: () => set({ forwarding: id }),
    },
    {
      label: ids.length > 1 ? t("remove_many", { count: ids.length }) : t("remove"),
      icon: <Trash2 {...icon} />,
      danger: true,
      disabled: readOnly,
      onSelect: () => set({ removing: ids }),
    },
  ];
  return items.filter((item) => item !== false);
}

/** Hides or shows the members of a team. */
export function fold(id: string, collapsed: boolean): Promise<boolean> {
  return arrange({
    what: "collapsed",
    moves: [{ id, from: { collapsed: !collapsed }, to: { collapsed } }],
  });
}
