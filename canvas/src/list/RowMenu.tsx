import { Ellipsis } from "lucide-react";
import { useTranslation } from "react-i18next";
import { pickParent } from "../dialogs/picking";
import { Button, Menu } from "../kit";
import { go, pathOf } from "../nav";
import { useReadOnly } from "../store/shown";
import { useView } from "../store/view";

/** What can be done with one workspace. */
export function RowMenu({ id, name, focusable }: { id: string; name: string; focusable: boolean }) {
  const { t } = useTranslation("list");
  const set = useView((view) => view.set);
  const disabled = useReadOnly();
  return (
    <Menu
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
        { label: t("forward"), disabled, onSelect: () => set({ forwarding: id }) },
        { label: t("remove"), disabled, danger: true, onSelect: () => set({ removing: [id] }) },
      ]}
      trigger={
        <Button
          look="ghost"
          className="w-8 px-0"
          tabIndex={focusable ? 0 : -1}
          aria-label={t("actions", { name })}
        >
          <Ellipsis size={16} aria-hidden />
        </Button>
      }
    />
  );
}
