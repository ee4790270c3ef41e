import { KeyRound, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Requirement } from "../../api/lifecycle";
import { cx } from "../../kit";
import { isMet, namesOf } from "./needs";

interface NeedsProps {
  all: readonly Requirement[];
  known: ReadonlySet<string>;
}

/** The secrets that something needs; those that are missing are marked by icon and words. */
export function Needs({ all, known }: NeedsProps) {
  const { t } = useTranslation("lifecycle");
  if (all.length === 0) return null;
  return (
    <ul aria-label={t("needs")} className="mt-1 flex flex-wrap gap-1">
      {all.map((one) => {
        const met = isMet(one, known);
        const Icon = met ? KeyRound : TriangleAlert;
        return (
          <li
            key={namesOf(one).join()}
            className={cx(
              "inline-flex max-w-full items-center gap-1 rounded px-1.5 py-0.5 text-xs",
              met ? "bg-raised text-muted" : "bg-warn-soft text-warn",
            )}
          >
            <Icon size={12} aria-hidden className="shrink-0" />
            <code className="min-w-0 truncate font-mono">{namesOf(one).join(` ${t("or")} `)}</code>
            {!met && <span className="shrink-0">{t("missing")}</span>}
          </li>
        );
      })}
    </ul>
  );
}
