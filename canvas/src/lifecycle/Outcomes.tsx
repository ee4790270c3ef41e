/** Whom something concerns, and what became of each. */

import { Check, CircleX, LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Fallen } from "../dialogs/cascade";
import { Name } from "../dialogs/Name";
import { type Outcomes as All, count, type Outcome } from "./run";

/** Listed one by one; the rest is a number. */
const LISTED = 200;

interface OutcomesProps {
  all: readonly Fallen[];
  outcomes: All;
  /** How many are asked for; the rest comes along. */
  roots: number;
}

export function Outcomes({ all, outcomes, roots }: OutcomesProps) {
  const { t } = useTranslation("lifecycle");
  const refused = count(outcomes, "failed");
  const settled = count(outcomes, "done", "failed");
  // What was refused is what a person wants to see.
  const shown = [...all].sort(
    (a, b) => Number(outcomes[b.id]?.kind === "failed") - Number(outcomes[a.id]?.kind === "failed"),
  );
  const begun = Object.keys(outcomes).length > 0;
  return (
    <>
      {begun && roots > 1 && (
        <div
          role="progressbar"
          aria-label={t("progress")}
          aria-valuemin={0}
          aria-valuemax={roots}
          aria-valuenow={settled}
          className="mb-2 h-2 w-full overflow-hidden rounded-full bg-quiet-soft"
        >
          <div className="h-full bg-accent" style={{ width: `${(100 * settled) / roots}%` }} />
        </div>
      )}
      <p role="status" className={refused > 0 ? "mb-2 text-danger" : "sr-only"}>
        {refused > 0 ? t("refused", { count: refused }) : ""}
      </p>
      <section
        aria-label={t("concerned")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-60 overflow-y-auto rounded-md border border-line"
      >
        <ul className="p-1">
          {shown.slice(0, LISTED).map(({ id, depth }) => (
            <li
              key={id}
              data-testid="outcome"
              className="px-2 py-1"
              style={{ paddingInlineStart: 8 + Math.min(refused > 0 ? 0 : depth, 10) * 16 }}
            >
              <div className="flex min-w-0 items-center gap-2">
                <Mark outcome={outcomes[id]} />
                <Name id={id} className="min-w-0 truncate" />
              </div>
              <Why outcome={outcomes[id]} />
            </li>
          ))}
        </ul>
        {all.length > LISTED && (
          <p className="px-3 pb-2 text-muted">{t("more", { count: all.length - LISTED })}</p>
        )}
      </section>
    </>
  );
}

function Mark({ outcome }: { outcome: Outcome | undefined }) {
  const { t } = useTranslation("lifecycle");
  switch (outcome?.kind) {
    case "done":
      return <Check size={14} aria-label={t("outcome_done")} className="shrink-0 text-good" />;
    case "failed":
      return (
        <CircleX size={14} aria-label={t("outcome_failed")} className="shrink-0 text-danger" />
      );
    case "runs":
      return (
        <LoaderCircle
          size={14}
          aria-label={t("outcome_runs")}
          className="shrink-0 animate-spin text-busy"
        />
      );
    default:
      return null;
  }
}

function Why({ outcome }: { outcome: Outcome | undefined }) {
  const { t } = useTranslation("lifecycle");
  if (outcome?.kind !== "failed") return null;
  return (
    <p className="ps-6 text-sm break-words text-danger [overflow-wrap:anywhere]">
      {outcome.tasks === undefined ? outcome.why : t("has_tasks", { count: outcome.tasks })}
    </p>
  );
}
