import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { size as sizeOf } from "../../kit/bytes";
import { MOST_BYTES, type Read } from "./preview";

/** Listed one by one; the rest is a number. */
const LISTED = 200;

/** What a file holds, or why it is no bundle. */
export function Plan({ size, read }: { size: number; read: Read }) {
  const { t } = useTranslation("lifecycle");
  if ("bad" in read) {
    return (
      <p role="alert" className="rounded-md bg-danger-soft px-3 py-2 text-danger">
        {t(`bundle_bad.${read.bad}`, { size: sizeOf(MOST_BYTES) })}
      </p>
    );
  }
  const { workspaces, warnings } = read.preview;
  return (
    <div>
      <p role="status" className="mb-2 text-muted">
        {t("bundle_size", { count: workspaces.length, size: sizeOf(size) })}
      </p>
      <section
        aria-label={t("bundle_list")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-60 overflow-y-auto rounded-md border border-line p-1"
      >
        <ul>
          {workspaces.slice(0, LISTED).map((one, index) => (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: names need not be unique, the list never changes
              key={index}
              data-testid="bundle-item"
              className="flex min-w-0 items-baseline gap-2 px-2 py-1"
              style={{ paddingInlineStart: 8 + Math.min(one.depth, 10) * 16 }}
            >
              <bdi dir="auto" className="min-w-0 truncate font-medium">
                {one.name.trim() || t("unnamed")}
              </bdi>
              <bdi dir="auto" className="min-w-0 shrink-2 truncate text-xs text-muted">
                {one.role}
              </bdi>
              <span className="ms-auto shrink-0 text-xs text-muted">
                {one.tier === null ? t("no_tier") : t("tier", { tier: one.tier })}
                {one.skills > 0 && ` · ${t("skills", { count: one.skills })}`}
              </span>
            </li>
          ))}
        </ul>
        {workspaces.length > LISTED && (
          <p className="px-2 text-muted">{t("more", { count: workspaces.length - LISTED })}</p>
        )}
      </section>
      {warnings.length > 0 && (
        <ul className="mt-2 space-y-1 rounded-md bg-warn-soft px-3 py-2 text-warn">
          {warnings.map(({ kind, count }) => (
            <li key={kind} className="flex gap-2">
              <TriangleAlert size={14} aria-hidden className="mt-1 shrink-0" />
              {t(`bundle_warning.${kind}`, { count })}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
