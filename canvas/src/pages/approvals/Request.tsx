import { Check, Hourglass, X } from "lucide-react";
import { memo, useId } from "react";
import { useTranslation } from "react-i18next";
import type { Approval, Decision } from "../../api/talk";
import { Button, cx } from "../../kit";
import { dateTime, span, useNow } from "../../kit/time";
import { Json } from "../../panel/Json";
import { Said, When, WorkspaceLink } from "../../panel/parts";
import { endOf } from "../../store/approvals";
import { useWorkspace } from "../../store/org";
import { useReadOnly } from "../../store/shown";

/** From then on the time that is left is a warning, in milliseconds. */
const SOON_MS = 60_000;

interface RequestProps {
  approval: Approval;
  onDecide(approval: Approval, decision: "approved" | "denied"): void;
}

/** One request: who asks for what, why, and how long there is for an answer. */
export const Request = memo(function Request({ approval, onDecide }: RequestProps) {
  const { t } = useTranslation("approvals");
  const id = useId();
  const known = useWorkspace(approval.workspace_id);
  const readOnly = useReadOnly();
  const { action, reason, decisions = [] } = approval;
  const needed = approval.approvals_required ?? 1;
  return (
    <li
      aria-labelledby={id}
      data-testid="approval"
      data-approval={approval.id}
      className="min-w-0 rounded-xl border border-line bg-surface p-4"
    >
      <p className="flex flex-wrap items-center gap-x-2 text-muted">
        {known ? (
          <WorkspaceLink id={approval.workspace_id} />
        ) : (
          <Said text={approval.workspace_name} />
        )}
        <span>
          {t("asked")} <When at={approval.created_at} />
        </span>
        <TimeLeft approval={approval} />
      </p>
      <h3 id={id} className="mt-1 text-base font-semibold">
        <Said text={action} />
      </h3>
      {reason && (
        <p className="mt-1 max-h-48 overflow-y-auto whitespace-pre-wrap">
          <Said text={reason} />
        </p>
      )}
      <Context context={approval.context} action={action} />
      {(needed > 1 || decisions.length > 0) && (
        <Progress approvals={approval.approvals ?? 0} needed={needed} decisions={decisions} />
      )}
      <div className="mt-3 flex flex-wrap gap-2">
        <Button
          look="primary"
          disabled={readOnly}
          aria-describedby={id}
          onClick={() => onDecide(approval, "approved")}
        >
          <Check size={15} aria-hidden />
          {t("approve")}
        </Button>
        <Button
          disabled={readOnly}
          aria-describedby={id}
          onClick={() => onDecide(approval, "denied")}
        >
          <X size={15} aria-hidden />
          {t("deny")}
        </Button>
      </div>
    </li>
  );
});

/** By itself, so that a passing second draws a number and not a request. */
function TimeLeft({ approval }: { approval: Approval }) {
  const { t } = useTranslation("approvals");
  const now = useNow();
  const end = endOf(approval);
  if (!Number.isFinite(end)) return null;
  const left = Math.max(0, end - now);
  return (
    <span
      title={dateTime(end)}
      className={cx("inline-flex items-center gap-1", left < SOON_MS && "font-medium text-warn")}
    >
      <Hourglass size={13} aria-hidden />
      {t("left", { span: span(left / 1_000) })}
    </span>
  );
}

function Context({ context, action }: { context: unknown; action: string }) {
  const { t } = useTranslation("approvals");
  if (isEmpty(context)) return null;
  return (
    <details className="mt-2" open>
      <summary className="w-fit cursor-pointer py-1 text-muted">{t("context")}</summary>
      <Json value={context} label={t("context_of", { action })} />
    </details>
  );
}

const isEmpty = (context: unknown) =>
  context === null ||
  context === undefined ||
  (typeof context === "object" && Object.keys(context).length === 0);

interface ProgressProps {
  approvals: number;
  needed: number;
  decisions: readonly Decision[];
}

/** Who has decided already, where one person is not enough. */
function Progress({ approvals, needed, decisions }: ProgressProps) {
  const { t } = useTranslation("approvals");
  return (
    <div className="mt-2 text-muted">
      <p>{t("progress", { approvals, count: needed })}</p>
      <ul className="list-disc pl-5">
        {decisions.map((one) => (
          <li key={`${one.decided_at} ${one.decided_by_identity}`}>
            <Said text={`${one.decided_by} (${one.decided_by_identity ?? ""})`} />{" "}
            {t(one.decision === "approved" ? "has_approved" : "has_denied")}{" "}
            <When at={one.decided_at} />
          </li>
        ))}
      </ul>
    </div>
  );
}
