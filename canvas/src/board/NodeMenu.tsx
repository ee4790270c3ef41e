import {
  ChevronsDownUp,
  ChevronsUpDown,
  Ellipsis,
  FolderInput,
  PanelRightOpen,
  Pencil,
  Plus,
  Trash2,
  Undo2,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { Menu, type MenuItem } from "../kit";
import { go, pathOf } from "../nav";
import { arrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { useReadOnly } from "../store/shown";
import { useView } from "../store/view";

export function NodeMenu({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("board");
  const readOnly = useReadOnly();
  const team = useOrg((state) => (state.tree.children[workspace.id]?.length ?? 0) > 0);
  return (
    <Menu
      items={useItems(workspace, team, readOnly)}
      trigger={
        <button
          type="button"
          tabIndex={-1}
          aria-label={t("actions", { name: workspace.name })}
          className="nodrag -mt-0.5 -mr-1 flex size-6 shrink-0 items-center justify-center rounded text-muted hover:bg-raised"
        >
          <Ellipsis size={15} aria-hidden />
        </button>
      }
    />
  );
}

function useItems(workspace: Workspace, team: boolean, readOnly: boolean): MenuItem[] {
  const { t } = useTranslation("board");
  const { set } = useView.getState();
  const { id, collapsed } = workspace;
  const icon = { size: 15, "aria-hidden": true } as const;
  const items: (MenuItem | false)[] = [
    {
      label: t("open"),
      icon: <PanelRightOpen {...icon} />,
      onSelect: () => go(pathOf(id)),
    },
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
    workspace.parent_id !== null && {
      label: t("un_nest"),
      icon: <Undo2 {...icon} />,
      disabled: readOnly,
      onSelect: () => set({ nesting: { ids: [id], parent: null } }),
    },
    {
      label: t("forward"),
      icon: <FolderInput {...icon} />,
      disabled: readOnly,
      onSelect: () => set({ forwarding: id }),
    },
    {
      label: t("remove"),
      icon: <Trash2 {...icon} />,
      danger: true,
      disabled: readOnly,
      onSelect: () => set({ removing: [id] }),
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
