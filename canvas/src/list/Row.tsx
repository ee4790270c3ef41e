// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names its active row
// biome-ignore-all lint/a11y/useSemanticElements: rows are placed freely, which table elements are not
import { TriangleAlert } from "lucide-react";
import type { MouseEvent, ReactNode } from "react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { cx } from "../kit";
import { Marks } from "../kit/marks";
import { StatusBadge } from "../kit/status";
import { ago, dateTime, span, useNow } from "../kit/time";
import { useReadOnly, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { COLUMNS } from "./columns";
import { FOLD, indentOf, NameCell } from "./NameCell";
import { RowMenu } from "./RowMenu";
import type { Row } from "./rows";

export interface RowProps {
  row: Row;
  index: number;
  top: number;
  height: number;
  narrow: boolean;
  flat: boolean;
  active: boolean;
  /** Whether the panel shows it. */
  current: boolean;
  onFold(id: string, folded: boolean): void;
  onClick(event: MouseEvent<HTMLElement>, id: string): void;
  onPick(id: string, range: boolean): void;
}

export const rowId = (id: string) => `row-${id}`;

/** One workspace. Draws itself again when that workspace changes, and for nothing else. */
export const ListRow = memo(function ListRow(props: RowProps) {
  const { row, index, narrow, flat, active } = props;
  const { t } = useTranslation("list");
  const workspace = useShownWorkspace(row.id);
  const selected = useView((view) => view.selected.has(row.id));
  if (!workspace) return null;
  const { name } = workspace;
  // Under the name: past the levels, and past the place of the fold.
  const indent = indentOf(row) + (flat ? 0 : FOLD);
  const check = (
    <label className="grid size-6 place-items-center">
      <input
        type="checkbox"
        className="size-4 accent-accent"
        checked={selected}
        tabIndex={active ? 0 : -1}
        aria-label={t("select", { name })}
        // The click knows of the shift key; the change does not.
        onClick={(event) => props.onPick(row.id, event.shiftKey)}
        onChange={() => {}}
      />
    </label>
  );
  const title = (
    <NameCell
      row={row}
      workspace={workspace}
      flat={flat}
      onFold={(folded) => props.onFold(row.id, folded)}
    />
  );
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys; rows are not focused
    <div
      id={rowId(row.id)}
      role="row"
      aria-level={row.depth + 1}
      aria-setsize={row.siblings}
      aria-posinset={row.place}
      aria-rowindex={index + 2}
      aria-selected={selected}
      aria-expanded={row.open ?? undefined}
      aria-current={props.current ? "true" : undefined}
      data-testid="list-row"
      style={{ transform: `translateY(${props.top}px)`, height: props.height }}
      className={cx(
        "absolute inset-x-0 top-0 cursor-pointer border-b border-line px-2",
        selected || props.current ? "bg-accent-soft" : "hover:bg-raised",
        active && "group-focus-visible/grid:outline-2 group-focus-visible/grid:-outline-offset-2",
        active && "outline-accent",
        row.dimmed && "text-muted",
        !narrow && COLUMNS,
        narrow && "flex items-center gap-2",
      )}
      onClick={(event) => props.onClick(event, row.id)}
    >
      <Cell className="shrink-0">{check}</Cell>
      {narrow ? (
        <Narrow title={title} workspace={workspace} indent={indent} />
      ) : (
        <Wide title={title} workspace={workspace} />
      )}
      <Cell className="shrink-0">
        <RowMenu id={row.id} name={name} focusable={active} />
      </Cell>
    </div>
  );
});

function Cell({ className, children, ...rest }: React.HTMLAttributes<HTMLElement>) {
  return (
    <div role="gridcell" className={cx("min-w-0", className)} {...rest}>
      {children}
    </div>
  );
}

interface CellsProps {
  title: ReactNode;
  workspace: Workspace;
}

function Wide({ title, workspace }: CellsProps) {
  const { role, current_task: task } = workspace;
  const readOnly = useReadOnly();
  return (
    <>
      <Cell>{title}</Cell>
      <Cell>
        <StatusBadge status={workspace.status} />
      </Cell>
      <Cell className="truncate" dir="auto" title={role ?? undefined}>
        {role}
      </Cell>
      <Cell className="tabular-nums">{workspace.tier}</Cell>
      <Cell className="truncate" dir="auto" title={workspace.runtime}>
        {workspace.runtime}
      </Cell>
      <Cell className="truncate" dir="auto" title={task || undefined}>
        {task}
      </Cell>
      <Cell className="tabular-nums">
        {!readOnly && `${workspace.active_tasks} / ${workspace.max_concurrent_tasks}`}
      </Cell>
      <Cell className="flex gap-1 overflow-hidden">
        <Marks id={workspace.id} depth={workspace.queue_depth ?? 0} />
      </Cell>
      <Cell className="truncate">
        <Errors workspace={workspace} />
      </Cell>
      <Cell className="truncate text-muted">
        <Beat at={workspace.last_heartbeat_at} />
      </Cell>
      <Cell className="truncate text-muted tabular-nums">
        {workspace.uptime_seconds > 0 ? span(workspace.uptime_seconds) : ""}
      </Cell>
    </>
  );
}

/** Two lines: who and how; what it does and how it fares. */
function Narrow({ title, workspace, indent }: CellsProps & { indent: number }) {
  const { t } = useTranslation("list");
  const { active_tasks: active, max_concurrent_tasks: max } = workspace;
  return (
    <Cell className="grow">
      <div className="flex items-center gap-2">
        <div className="min-w-0 grow">{title}</div>
        <Marks id={workspace.id} depth={workspace.queue_depth ?? 0} />
        <StatusBadge status={workspace.status} className="shrink-0" />
      </div>
      <div
        className="flex min-w-0 gap-2 overflow-hidden text-xs text-muted"
        style={{ paddingInlineStart: indent }}
      >
        <span className="min-w-0 truncate" dir="auto">
          {workspace.current_task || workspace.role || workspace.runtime}
        </span>
        {workspace.last_error_rate > 0 && (
          <span className="shrink-0">
            <Errors workspace={workspace} />
          </span>
        )}
        {active > 0 && <span className="shrink-0">{t("active_of", { active, max })}</span>}
        <span className="ms-auto shrink-0">
          <Beat at={workspace.last_heartbeat_at} />
        </span>
      </div>
    </Cell>
  );
}

const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

function Errors({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("list");
  const { last_error_rate: rate, last_sample_error: sample } = workspace;
  if (rate === 0 && !sample) return null;
  return (
    <span className="text-warn" title={sample || undefined}>
      <TriangleAlert size={12} aria-hidden className="mr-1 inline align-[-1px]" />
      <span aria-hidden>{percent.format(rate)}</span>
      <span className="sr-only">{t("error_rate", { rate: percent.format(rate) })}</span>
      {sample && (
        <span className="ms-1" dir="auto">
          {sample}
        </span>
      )}
    </span>
  );
}

function Beat({ at }: { at: string | null }) {
  const { t } = useTranslation("list");
  const now = useNow();
  const readOnly = useReadOnly();
  // The past is known from events, and a beat is none.
  if (readOnly) return null;
  if (!at) return <span>{t("no_beat")}</span>;
  return (
    <time dateTime={at} title={dateTime(at)}>
      {ago(Date.parse(at), now)}
    </time>
  );
}
