import { ShieldQuestion } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cx, Tooltip } from "../kit";
import { short } from "../kit/marks";
import { usePlace } from "../nav";
import { followApprovals, LISTED, useApprovals } from "../store/approvals";

/** The way to what waits for a decision, and how much does. */
export function ApprovalsButton() {
  const { t } = useTranslation();
  useEffect(() => followApprovals(), []);
  const count = useApprovals((state) => state.list.length);
  const here = usePlace().page === "approvals";
  const number = count >= LISTED ? `${LISTED}+` : short(count);
  const label = count > 0 ? t("approvals_waiting", { count }) : t("approvals");
  return (
    <>
      <Tooltip text={label}>
        <a
          href="#/approvals"
          aria-label={label}
          aria-current={here ? "page" : undefined}
          aria-keyshortcuts="G A"
          data-testid="approvals-entry"
          className={cx(
            "relative flex h-8 min-w-8 items-center justify-center gap-1 rounded-md px-1.5 hover:bg-raised",
            here && "bg-accent-soft text-accent",
          )}
        >
          <ShieldQuestion size={16} aria-hidden />
          {count > 0 && (
            <span
              aria-hidden
              className="min-w-5 rounded-full bg-warn px-1 text-center text-xs font-semibold text-surface tabular-nums"
            >
              {number}
            </span>
          )}
        </a>
      </Tooltip>
      <Told />
    </>
  );
}

/** Tells readers of requests that are new, the newest of several. */
function Told() {
  const { t } = useTranslation();
  const { list, ready } = useApprovals();
  const known = useRef<ReadonlySet<string> | null>(null);
  const [told, setTold] = useState("");
  useEffect(() => {
    if (!ready) return;
    const news = list.filter((one) => known.current !== null && !known.current.has(one.id));
    known.current = new Set(list.map((one) => one.id));
    const last = news.at(-1);
    if (last) setTold(t("announce_approval", { name: last.workspace_name, action: last.action }));
  }, [list, ready, t]);
  return (
    <span role="status" className="sr-only">
      {told}
    </span>
  );
}
