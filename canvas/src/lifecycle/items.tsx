/** The entries of menus for what can be done with agents. */

import {
  CirclePause,
  CirclePlay,
  Copy,
  Download,
  type LucideIcon,
  Moon,
  OctagonX,
  RotateCcw,
  Ungroup,
  UserRoundPlus,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Features, Workspace } from "../api/types";
import type { MenuItem } from "../kit";
import { useInfo } from "../store/info";
import { useOrg } from "../store/org";
import { useShownTree } from "../store/shown";
import { type Action, fitting, MANY, offered } from "./actions";
import { begin } from "./state";

const ICONS: Record<Action, LucideIcon> = {
  restart: RotateCcw,
  stop: OctagonX,
  pause: CirclePause,
  resume: CirclePlay,
  hibernate: Moon,
  grow: UserRoundPlus,
  dissolve: Ungroup,
  duplicate: Copy,
  export: Download,
};

/** For one workspace, or for `ids` when they are several. */
export function useLifecycleItems(
  workspace: Workspace,
  ids: readonly string[] = [workspace.id],
): MenuItem[] {
  const { t } = useTranslation();
  const features = useInfo().info?.features;
  const members = useShownTree().children[workspace.id]?.length ?? 0;
  const several = ids.length > 1;
  const actions = several ? offeredToMany(features) : offered(workspace, features, members);
  return actions.flatMap((action) => {
    const Icon = ICONS[action];
    const fit = several ? those(action, ids) : ids;
    if (fit.length === 0) return [];
    return {
      label: several ? t(`many.${action as "restart"}`, { count: fit.length }) : t(`act.${action}`),
      icon: <Icon size={15} aria-hidden />,
      onSelect: () => begin(action, fit),
    };
  });
}

/** What of the lifecycle many can be asked for at once. */
export const offeredToMany = (features: Partial<Features> | undefined): readonly Action[] =>
  features?.lifecycle === true ? MANY : [];

/** Which of `ids` an action makes sense for. */
export function those(action: Action, ids: readonly string[]): string[] {
  const { org } = useOrg.getState();
  const known = ids.flatMap((id) => org[id] ?? []);
  return fitting(action, known).map(({ id }) => id);
}
