import { useTranslation } from "react-i18next";
import type { KeysStatus } from "../../api/types";
import { Block } from "../parts";
import { Format } from "./Standing";

const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

/** How many values lie in which format: numbers, with bars beside them. */
export function Formats({ status }: { status: KeysStatus }) {
  const { t } = useTranslation("pages");
  const formats = Object.entries(status.values).sort(([a], [b]) => Number(b) - Number(a));
  const total = formats.reduce((sum, [, count]) => sum + count, 0);
  return (
    <Block title={t("formats", { count: total })}>
      {formats.length === 0 && <p className="text-muted">{t("no_values")}</p>}
      <ul className="space-y-3">
        {formats.map(([format, count]) => (
          <li key={format}>
            <div className="flex flex-wrap justify-between gap-x-4">
              <span>
                <Format number={format} />
              </span>
              <span className="tabular-nums">
                {count} <span className="text-muted">({share.format(count / total)})</span>
              </span>
            </div>
            <div aria-hidden className="mt-1 h-2.5 rounded-full bg-quiet-soft">
              <div
                className={`h-2.5 rounded-full ${Number(format) <= 0 ? "bg-danger" : "bg-accent"}`}
                style={{ width: `${(count / Math.max(1, total)) * 100}%` }}
              />
            </div>
          </li>
        ))}
      </ul>
    </Block>
  );
}
