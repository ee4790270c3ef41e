/** What can be done with a workspace, as a menu. */

import { Forward, OctagonX, RotateCcw, ShieldCheck, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { releaseWorkspace, restartWorkspace, stopAgent } from "../api/calls";
import type { Workspace } from "../api/types";
import type { MenuItem } from "../kit";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { useInfo, useQuarantined } from "./server";

export function useActions({ id, runtime }: Workspace): MenuItem[] {
  const { t } = useTranslation("panel");
  const hosting = useInfo()?.features.hosted_agents === true;
  const [quarantined, released] = useQuarantined(id);
  const set = useView((view) => view.set);
  const run = (action: Promise<void>, told: string, after?: () => void) => {
    action.then(() => {
      notify.info(told);
      after?.();
    }, notify.failed);
  };
  const items: MenuItem[] = [];
  if (hosting && runtime === "isomer") {
    items.push(
      {
        label: t("restart"),
        icon: <RotateCcw size={15} aria-hidden />,
        onSelect: () => run(restartWorkspace(id), t("restarting")),
      },
      {
        label: t("stop"),
        icon: <OctagonX size={15} aria-hidden />,
        onSelect: () => run(stopAgent(id), t("stopped")),
      },
    );
  }
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
