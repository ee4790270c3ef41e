import { useTranslation } from "react-i18next";
import { LOOK } from "../kit/status";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { worstBelow } from "./scene";

/** How many are inside a folded team, and how the worst of them is. */
export function Folded({ id, below }: { id: string; below: number }) {
  const { t } = useTranslation(["board", "common"]);
  const was = usePast(({ moment }) => (moment ? worstBelow(moment.org, moment.tree, id) : null));
  const is = useOrg((state) => worstBelow(state.org, state.tree, id));
  const worst = was ?? is;
  const { ink, icon: Icon } = LOOK[worst];
  const status = t(`common:status.${worst}`);
  return (
    <span
      data-hint={t("worst_inside", { status })}
      className="absolute right-2 bottom-1.5 inline-flex items-center gap-1 rounded-full border border-line bg-raised px-2 text-xs"
    >
      <Icon size={12} aria-hidden className={ink} />
      {t("inside", { count: below })}
      <span className="sr-only">{t("worst_inside", { status })}</span>
    </span>
  );
}
