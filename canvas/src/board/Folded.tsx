import { useTranslation } from "react-i18next";
import { ApprovalMark, QueueMark } from "../kit/marks";
import { LOOK } from "../kit/status";
import { descendants } from "../model/tree";
import { useApprovals } from "../store/approvals";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useReadOnly } from "../store/shown";
import { depthBelow, worstBelow } from "./scene";

/** How many are inside a folded team, and how the worst of them is. */
export function Folded({ id, below }: { id: string; below: number }) {
  const { t } = useTranslation(["board", "common"]);
  const was = usePast(({ moment }) => (moment ? worstBelow(moment.org, moment.tree, id) : null));
  const is = useOrg((state) => worstBelow(state.org, state.tree, id));
  const worst = was ?? is;
  const past = useReadOnly();
  const depth = useOrg((state) => depthBelow(state.org, state.tree, id));
  const waiting = useApprovals((state) => state.waiting);
  const approvals = useOrg(({ tree }) =>
    descendants(tree, id).reduce((sum, one) => sum + (waiting[one] ?? 0), 0),
  );
  const { ink, icon: Icon } = LOOK[worst];
  const status = t(`common:status.${worst}`);
  return (
    <span
      data-hint={t("worst_inside", { status })}
      className="absolute right-2 bottom-1.5 inline-flex items-center gap-1 rounded-full border border-line bg-raised px-2 text-xs"
    >
      {!past && <ApprovalMark board count={approvals} />}
      {!past && <QueueMark board count={depth} />}
      <Icon size={12} aria-hidden className={ink} />
      {t("inside", { count: below })}
      <span className="sr-only">{t("worst_inside", { status })}</span>
    </span>
  );
}
