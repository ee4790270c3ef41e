import { useTranslation } from "react-i18next";
import type { ImportedOrg } from "../../api/lifecycle";
import { short } from "../../dialogs/Name";
import { Button, Dialog } from "../../kit";
import { StatusBadge } from "../../kit/status";
import { pathOf } from "../../nav";
import { useOrg } from "../../store/org";
import { answered } from "../state";

/** What an import has made, as it goes on: agents start after the answer. */
export function Made({ made, onClose }: { made: ImportedOrg; onClose(): void }) {
  const { t } = useTranslation(["lifecycle", "common"]);
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("org_made", { name: short(made.org), count: made.count })}
      footer={
        <Button look="primary" onClick={onClose}>
          {t("common:close")}
        </Button>
      }
    >
      {made.error && (
        <p
          role="alert"
          className="mb-3 rounded-md bg-danger-soft px-3 py-2 text-danger [overflow-wrap:anywhere]"
        >
          {t("org_stopped", { why: made.error })}
        </p>
      )}
      <section
        aria-label={t("concerned")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-80 overflow-y-auto rounded-md border border-line p-1"
      >
        <ul>
          {made.workspaces.map(({ id, name }) => (
            <li key={id} data-testid="imported-item" className="flex min-w-0 gap-2 px-2 py-1">
              <a
                href={`#${pathOf(id)}`}
                onClick={answered}
                className="min-w-0 truncate text-accent underline underline-offset-2"
              >
                <bdi dir="auto">{name}</bdi>
              </a>
              <Now id={id} />
            </li>
          ))}
        </ul>
      </section>
      {made.skipped.length > 0 && <Skipped all={made.skipped} />}
    </Dialog>
  );
}

/** What its description asks for and was not done. */
function Skipped({ all }: { all: ImportedOrg["skipped"] }) {
  const { t } = useTranslation("lifecycle");
  return (
    <section
      aria-label={t("org_skipped", { count: all.length })}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="mt-3 max-h-40 overflow-y-auto rounded-md bg-warn-soft px-3 py-2 text-sm"
    >
      <h3 className="font-semibold text-warn">{t("org_skipped", { count: all.length })}</h3>
      <ul>
        {all.map(({ workspace, key, reason }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: names may repeat, and nothing moves
          <li key={index} className="py-0.5 [overflow-wrap:anywhere]">
            <code className="font-mono text-xs">{key}</code>{" "}
            {workspace && <bdi dir="auto">({workspace})</bdi>} {reason}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Now({ id }: { id: string }) {
  const status = useOrg((state) => state.org[id]?.status);
  return status ? <StatusBadge status={status} className="ms-auto shrink-0" /> : null;
}
