import { CircleX } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Imported } from "../../api/lifecycle";
import type { Status } from "../../api/types";
import { LOOK, StatusBadge } from "../../kit/status";
import { pathOf } from "../../nav";
import { useOrg } from "../../store/org";
import { answered } from "../state";
import { flat, lost } from "./result";

/** What became of each workspace, as it goes on: they start after the answer. */
export function Result({ result }: { result: Imported }) {
  const { t } = useTranslation("lifecycle");
  const all = flat(result);
  const failed = lost(result);
  return (
    <>
      <p role="status" className={failed > 0 ? "mb-2 text-danger" : "mb-2 text-muted"}>
        {failed > 0
          ? t("imported_some", { count: failed, total: all.length })
          : t("imported_all", { count: all.length })}
      </p>
      <section
        aria-label={t("imported_title")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-80 overflow-y-auto rounded-md border border-line p-1"
      >
        <ul>
          {all.map(({ one, depth }, index) => (
            <li
              key={one.workspace_id ?? index}
              data-testid="imported-item"
              className="px-2 py-1"
              style={{ paddingInlineStart: 8 + Math.min(depth, 10) * 16 }}
            >
              <One one={one} />
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function One({ one }: { one: Imported }) {
  const now = useOrg((state) => (one.workspace_id ? state.org[one.workspace_id] : undefined));
  const told = Object.keys(LOOK).find((known) => known === one.status) as Status | undefined;
  const status = now?.status ?? told;
  const why = one.error ?? (now?.status === "failed" ? now.last_sample_error : "");
  return (
    <>
      <div className="flex min-w-0 items-center gap-2">
        {now ? (
          <a
            href={`#${pathOf(now.id)}`}
            onClick={answered}
            className="min-w-0 truncate text-accent underline underline-offset-2"
          >
            <bdi dir="auto">{one.name}</bdi>
          </a>
        ) : (
          <bdi dir="auto" className="min-w-0 truncate">
            {one.name}
          </bdi>
        )}
        {status && <StatusBadge status={status} className="ms-auto shrink-0" />}
      </div>
      {why && (
        <p className="flex gap-1.5 text-sm text-danger">
          <CircleX size={14} aria-hidden className="mt-0.5 shrink-0" />
          <bdi dir="auto" className="min-w-0 [overflow-wrap:anywhere]">
            {why}
          </bdi>
        </p>
      )}
    </>
  );
}
