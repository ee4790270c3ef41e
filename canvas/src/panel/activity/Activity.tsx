/** What a workspace did, from the log; and what this page has heard of it, which no log has. */

import { Download, Search } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ActivityFilter, activityExport } from "../../api/talk";
import { Button, Select } from "../../kit";
import { Failed, Quiet, Section } from "../parts";
import { useInfo } from "../server";
import { ActivityRow } from "./ActivityRow";
import { Heard } from "./Heard";
import { KEPT } from "./list";
import { SOURCES, STATUSES, TYPES } from "./types";
import { FOUND, type Rows, useFound, useRows, useSettled } from "./useRows";

export function Activity({ id }: { id: string }) {
  const { t } = useTranslation("activity");
  const known = useInfo();
  return (
    <>
      {known?.features.activity === false ? <Quiet>{t("no_activity")}</Quiet> : <Logged id={id} />}
      <div className="mt-6">
        <Heard id={id} />
      </div>
    </>
  );
}

function Logged({ id }: { id: string }) {
  const { t } = useTranslation("activity");
  const [filter, setFilter] = useState<ActivityFilter>({});
  const [text, setText] = useState("");
  const question = useSettled(text.trim());
  const logged = useRows(id, filter);
  const found = useFound(id, question);
  const searching = question !== "";
  return (
    <Section
      title={t("log")}
      aside={
        <a
          href={activityExport(id, filter.type)}
          download={`activity-${id}.ndjson`}
          className="inline-flex min-h-6 items-center gap-1 text-accent underline underline-offset-2"
        >
          <Download size={14} aria-hidden />
          {t("export")}
        </a>
      }
    >
      <SearchField text={text} onChange={setText} />
      {searching ? (
        <p role="status" className="mb-2 text-muted">
          {found.busy ? t("searching") : t("found", { count: found.rows.length })}
          {found.rows.length === FOUND && ` ${t("found_most")}`}
        </p>
      ) : (
        <Filters filter={filter} onChange={setFilter} />
      )}
      <List rows={searching ? found : logged} />
    </Section>
  );
}

function SearchField({ text, onChange }: { text: string; onChange(text: string): void }) {
  const { t } = useTranslation("activity");
  const id = useId();
  return (
    <div className="relative mb-3">
      <label htmlFor={id} className="sr-only">
        {t("search")}
      </label>
      <Search size={15} aria-hidden className="absolute top-2.5 left-2 text-muted" />
      <input
        id={id}
        type="search"
        dir="auto"
        value={text}
        maxLength={200}
        placeholder={t("search")}
        onChange={(event) => onChange(event.target.value)}
        className="h-9 w-full rounded-md border border-line-strong bg-surface pr-2 pl-7 placeholder:text-muted"
      />
    </div>
  );
}

interface FiltersProps {
  filter: ActivityFilter;
  onChange(filter: ActivityFilter): void;
}

function Filters({ filter, onChange }: FiltersProps) {
  const { t } = useTranslation("activity");
  const set = (key: keyof ActivityFilter) => (value: string) => {
    const { [key]: _, ...rest } = filter;
    onChange(value === "" ? rest : { ...rest, [key]: value });
  };
  const any = { value: "", label: t("any") };
  return (
    <div className="mb-3 grid grid-cols-3 gap-2 max-sm:grid-cols-1">
      <Select
        label={t("filter_type")}
        value={filter.type ?? ""}
        onChange={set("type")}
        options={[any, ...TYPES.map((one) => ({ value: one, label: t(`type.${one}`) }))]}
      />
      <Select
        label={t("filter_source")}
        value={filter.source ?? ""}
        onChange={set("source")}
        options={[any, ...SOURCES.map((one) => ({ value: one, label: t(`source.${one}`) }))]}
      />
      <Select
        label={t("filter_status")}
        value={filter.status ?? ""}
        onChange={set("status")}
        options={[any, ...STATUSES.map((one) => ({ value: one, label: t(`status.${one}`) }))]}
      />
    </div>
  );
}

function List({ rows: { rows, more, busy, error, older, reload } }: { rows: Rows }) {
  const { t } = useTranslation("activity");
  return (
    <>
      {error !== undefined && <Failed error={error} retry={reload} />}
      {!busy && rows.length === 0 && error === undefined && <Quiet>{t("nothing")}</Quiet>}
      <ol aria-label={t("rows")} aria-busy={busy} className="divide-y divide-line">
        {rows.map((row) => (
          <ActivityRow key={row.id} row={row} />
        ))}
      </ol>
      {more && (
        <div className="mt-3 text-center">
          <Button disabled={busy} onClick={older}>
            {t("older")}
          </Button>
        </div>
      )}
      {rows.length >= KEPT && (
        <p className="mt-3 text-center text-muted">{t("most", { count: KEPT })}</p>
      )}
    </>
  );
}
