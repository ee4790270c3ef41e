/** The shard supervisors as a grid of heat: one cell each, told in words below and to readers. */

import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ChildReport } from "../../api/types";
import { cx, Select } from "../../kit";
import { Block } from "../parts";
import { heatOf, stepIn } from "./tree";

const MEASURES = {
  actors: (shard: ChildReport) => shard.children ?? 0,
  mailbox: (shard: ChildReport) => shard.mailbox_depth,
  restarts: (shard: ChildReport) => shard.restarts,
} as const;
type Measure = keyof typeof MEASURES;

const HEAT = [
  "bg-quiet-soft",
  "bg-accent/25",
  "bg-accent/50",
  "bg-accent/75",
  "bg-accent",
] as const;

export function Shards({ reports }: { reports: readonly ChildReport[] }) {
  const { t } = useTranslation("pages");
  const [measure, setMeasure] = useState<Measure>("actors");
  const [at, setAt] = useState(0);
  const grid = useRef<HTMLUListElement>(null);
  const values = reports.map(MEASURES[measure]);
  const largest = Math.max(0, ...values);
  const unwell = reports.filter((shard) => shard.state !== "running").length;
  const shown = reports[at];

  const press = (event: React.KeyboardEvent) => {
    const list = grid.current;
    if (!list) return;
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const to = stepIn(at, event.key, columns, reports.length);
    if (to === undefined) return;
    event.preventDefault();
    setAt(to);
    list.querySelectorAll("button")[to]?.focus();
  };
  const tell = (shard: ChildReport) =>
    t("shard", {
      name: shard.child.slice("shards/".length),
      state: t(`child_state.${shard.state}`),
      actors: shard.children ?? 0,
      mailbox: shard.mailbox_depth,
      restarts: shard.restarts,
    });
  return (
    <Block
      title={t("shards", { count: reports.length })}
      aside={
        <Select
          hideLabel
          label={t("measure_label")}
          value={measure}
          onChange={(value) => setMeasure(value as Measure)}
          options={Object.keys(MEASURES).map((one) => ({
            value: one,
            label: t(`measure.${one as Measure}`),
          }))}
        />
      }
    >
      <p className="mb-2 text-muted">
        {t("shards_text", { sum: values.reduce((a, b) => a + b, 0), largest })}{" "}
        {unwell > 0 && (
          <strong className="text-danger">{t("shards_unwell", { count: unwell })}</strong>
        )}
      </p>
      <ul
        ref={grid}
        aria-label={t("shards", { count: reports.length })}
        onKeyDown={press}
        className="grid grid-cols-[repeat(auto-fill,minmax(24px,1fr))] gap-1"
      >
        {reports.map((shard, place) => (
          <li key={shard.child}>
            <button
              type="button"
              tabIndex={place === at ? 0 : -1}
              aria-label={tell(shard)}
              onFocus={() => setAt(place)}
              onMouseEnter={() => setAt(place)}
              className={cx(
                "block h-6 w-full rounded-sm border",
                HEAT[heatOf(values[place] ?? 0, largest)],
                shard.state === "running" ? "border-line" : "border-2 border-danger",
                place === at && "ring-2 ring-ink",
              )}
            />
          </li>
        ))}
      </ul>
      <p aria-hidden className="mt-2 min-h-10 text-muted">
        {shown && tell(shown)}
        {shown?.last_failure && ` ${shown.last_failure.error}`}
      </p>
    </Block>
  );
}
