import { useTranslation } from "react-i18next";
import { useShownTree, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { useFocus } from "./focus";

/** Says where the keys stand, for readers. */
export function Focused() {
  const { t } = useTranslation(["board", "common"]);
  const id = useFocus((focus) => focus.id);
  const workspace = useShownWorkspace(id);
  const parent = useShownWorkspace(workspace?.parent_id)?.name;
  const selected = useView((view) => id !== null && view.selected.has(id));
  const tree = useShownTree();
  const words: string[] = [];
  if (workspace) {
    const inside = tree.children[workspace.id]?.length ?? 0;
    words.push(workspace.name, workspace.role ?? "", t(`common:status.${workspace.status}`));
    words.push(t("focused_level", { level: (tree.depth[workspace.id] ?? 0) + 1 }));
    if (parent) words.push(t("reports_to", { name: parent }));
    if (workspace.collapsed && inside > 0) {
      words.push(t("focused_folded", { inside: t("inside", { count: inside }) }));
    }
    if (workspace.last_sample_error) {
      words.push(t("focused_error", { error: workspace.last_sample_error }));
    }
    words.push(t(selected ? "focused_selected" : "focused_unselected"));
  }
  return (
    <p aria-live="polite" className="sr-only">
      {words.filter(Boolean).join(", ")}
    </p>
  );
}
