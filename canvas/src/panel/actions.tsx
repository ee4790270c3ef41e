/** What can be done with a workspace, as a menu. */

import { Forward, ShieldCheck, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { releaseWorkspace } from "../api/calls";
import type { Workspace } from "../api/types";
import type { MenuItem } from "../kit";
import { useLifecycleItems } from "../lifecycle/items";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { useQuarantined } from "./server";

export function useActions(workspace: Workspace): MenuItem[] {
  const { id } = workspace;
  const { t } = useTranslation("panel");
  const lifecycle = useLifecycleItems(workspace);
  const [quarantined, released] = useQuarantined(id);
  const set = useView((view) => view.set);
  const run = (action: Promise<void>, told: string, after?: () => void) => {
    action.then(() => {
      notify.info(told);
      after?.();
    }, notify.failed);
  };
  const items: MenuItem[] = [...lifecycle];
  if (quarantined) {
    items.push({
      label: t("release"),
      icon: <ShieldCheck size={15} aria-hidden />,
      onSelect: () => run(releaseWorkspace(id), t("released"), released),
    });
  }
  items.push(
    {
      label: t("forward"),
      icon: <Forward size={15} aria-hidden />,
      onSelect: () => set({ forwarding: id }),
    },
    {
      label: t("delete"),
      icon: <Trash2 size={15} aria-hidden />,
      danger: true,
      onSelect: () => set({ removing: [id] }),
    },
  );
  return items;
}
