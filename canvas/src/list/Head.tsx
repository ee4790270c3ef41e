// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names its active row
// biome-ignore-all lint/a11y/useSemanticElements: rows are placed freely, which table elements are not
import { ArrowDown } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx, Select } from "../kit";
import { useView } from "../store/view";
import { COLUMNS } from "./columns";
import type { Row, SortKey } from "./rows";

interface HeadProps {
  rows: readonly Row[];
  sort: SortKey | null;
  onSort(sort: SortKey | null): void;
}

const FIELDS = [
  ["name", "name"],
  ["status", "status"],
  ["role", null],
  ["tier", null],
  ["runtime", null],
  ["task", null],
  ["active", null],
  ["waiting", null],
  ["errors", "errors"],
  ["beat", "beat"],
  ["uptime", null],
] as const;

/** Names of the columns; those that can be sorted by are buttons: once, and once more for none. */
export function Head({ rows, sort, onSort }: HeadProps) {
  const { t } = useTranslation("list");
  return (
    <div
      role="row"
      aria-rowindex={1}
      className={cx(
        COLUMNS,
        "sticky top-0 z-10 h-9 border-b border-line bg-raised px-2 text-xs font-semibold text-muted",
      )}
    >
      <span role="columnheader">
        <SelectAll rows={rows} />
      </span>
      {FIELDS.map(([field, key]) => (
        <span
          key={field}
          role="columnheader"
          className="truncate"
          aria-sort={
            key && sort === key ? (key === "name" ? "ascending" : "descending") : undefined
          }
        >
          {key ? (
            <button
              type="button"
              className="flex h-6 items-center gap-0.5 rounded hover:text-ink"
              onClick={() => onSort(sort === key ? null : key)}
            >
              {t(`column.${field}`)}
              {sort === key && <ArrowDown size={12} aria-hidden />}
            </button>
          ) : (
            t(`column.${field}`)
          )}
        </span>
      ))}
      <span role="columnheader">
        <span className="sr-only">{t("column.actions")}</span>
      </span>
    </div>
  );
}

function SelectAll({ rows }: { rows: readonly Row[] }) {
  const { t } = useTranslation("list");
  const { selected, select } = useView();
  const all = rows.length > 0 && rows.every((row) => selected.has(row.id));
  return (
    <input
      type="checkbox"
      className="ml-1 size-4 align-middle accent-accent"
      aria-label={t("select_all")}
      checked={all}
      ref={(box) => {
        if (box) box.indeterminate = !all && selected.size > 0;
      }}
      onChange={() => select(all ? [] : rows.map((row) => row.id))}
    />
  );
}

/** On narrow screens: search and order above the rows. */
export function NarrowHead({ sort, onSort }: Omit<HeadProps, "rows">) {
  const { t } = useTranslation(["list", "common"]);
  const { search, set } = useView();
  return (
    <div className="flex gap-2 border-b border-line bg-raised p-2">
      <label className="min-w-0 grow sm:hidden">
        <span className="sr-only">{t("common:search")}</span>
        <input
          type="search"
          value={search}
          placeholder={t("common:search")}
          className="h-9 w-full rounded-md border border-line-strong bg-surface px-2"
          onChange={(event) => set({ search: event.target.value })}
        />
      </label>
      <Select
        label={t("sort_by")}
        hideLabel
        className="w-40 shrink-0"
        value={sort ?? ""}
        onChange={(value) => onSort((value || null) as SortKey | null)}
        options={[
          { value: "", label: t("sort_tree") },
          ...(["name", "status", "errors", "beat"] as const).map((key) => ({
            value: key,
            label: t(`column.${key}`),
          })),
        ]}
      />
    </div>
  );
}
