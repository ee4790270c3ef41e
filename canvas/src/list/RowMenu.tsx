import { Ellipsis } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { pickParent } from "../dialogs/picking";
import { Button, Menu } from "../kit";
import { useLifecycleItems } from "../lifecycle/items";
import { go, pathOf } from "../nav";
import { useReadOnly, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";

/** Somebody who is gone: nothing can be done. */
const NOBODY = { id: "", status: "removed", runtime: "" } as Workspace;

interface RowMenuProps {
  id: string;
  name: string;
  focusable: boolean;
}

/** What can be done with one workspace. Made when it is asked for: rows come and go by hundreds. */
export function RowMenu({ id, name, focusable }: RowMenuProps) {
  const { t } = useTranslation("list");
  const [asked, setAsked] = useState(false);
  const trigger = (
    <Button
      look="ghost"
      className="w-8 px-0"
      tabIndex={focusable ? 0 : -1}
      aria-label={t("actions", { name })}
      aria-haspopup="menu"
      onClick={asked ? undefined : () => setAsked(true)}
    >
      <Ellipsis size={16} aria-hidden />
    </Button>
  );
  return asked ? <Open id={id} trigger={trigger} /> : trigger;
}

function Open({ id, trigger }: { id: string; trigger: ReactNode }) {
  const { t } = useTranslation("list");
  const set = useView((view) => view.set);
  const disabled = useReadOnly();
  const workspace = useShownWorkspace(id);
  const lifecycle = useLifecycleItems(workspace ?? NOBODY).map((item) => ({ ...item, disabled }));
  return (
    <Menu
      defaultOpen
      trigger={trigger}
      items={[
        { label: t("open"), onSelect: () => go(pathOf(id)) },
        // Not before the menu has given the focus back: the field would lose it at once.
        {
          label: t("rename"),
          disabled,
          onSelect: () => setTimeout(() => set({ renaming: id }), 50),
        },
        { label: t("child"), disabled, onSelect: () => set({ creating: { parent: id } }) },
        { label: t("move"), disabled, onSelect: () => pickParent([id]) },
        ...(workspace ? lifecycle : []),
        { label: t("forward"), disabled, onSelect: () => set({ forwarding: id }) },
        { label: t("remove"), disabled, danger: true, onSelect: () => set({ removing: [id] }) },
      ]}
    />
  );
}
