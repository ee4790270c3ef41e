import { ChevronRight, CircleAlert, CircleCheck, CircleDashed } from "lucide-react";
import { memo, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ActivityRow as Item } from "../../api/talk";
import { cx } from "../../kit";
import { dateTime } from "../../kit/time";
import { Json } from "../Json";
import { Said, When, WorkspaceLink } from "../parts";
import { TYPES } from "./types";

/** Something that was done. Opened, it shows what was sent and what was answered. */
export const ActivityRow = memo(function ActivityRow({ row }: { row: Item }) {
  const { t } = useTranslation("activity");
  const [open, setOpen] = useState(false);
  const id = useId();
  const type = TYPES.find((one) => one === row.activity_type);
  return (
    // Rows out of view cost nothing, however many there are.
    <li
      data-testid="activity-row"
      className="py-1.5 [contain-intrinsic-size:auto_56px] [content-visibility:auto]"
    >
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="flex w-full min-w-0 items-start gap-1.5 rounded-md p-1 text-left -outline-offset-2 hover:bg-raised"
      >
        <ChevronRight
          size={14}
          aria-hidden
          className={cx("mt-0.5 shrink-0 text-muted", open && "rotate-90")}
        />
        <span className="min-w-0 grow">
          <span className="flex min-w-0 items-center gap-2">
            <span className="min-w-0 truncate font-medium">
              {type ? t(`type.${type}`) : <Said text={row.activity_type} />}
            </span>
            {row.method && (
              <bdi className="min-w-0 truncate font-mono text-xs text-muted">{row.method}</bdi>
            )}
            <StatusMark status={row.status} />
          </span>
          {row.summary && (
            <bdi dir="auto" className="block truncate">
              {row.summary}
            </bdi>
          )}
          <span className="block text-xs text-muted">
            <When at={row.created_at} /> · {dateTime(row.created_at)}
            {row.duration_ms !== null && ` · ${t("took", { ms: row.duration_ms })}`}
          </span>
        </span>
      </button>
      <div id={id} hidden={!open} className="pt-1 pl-6">
        {open && <Inside row={row} />}
      </div>
    </li>
  );
});

function StatusMark({ status }: { status: string }) {
  const { t } = useTranslation("activity");
  const [Icon, ink] =
    status === "ok" || status === "completed"
      ? [CircleCheck, "text-good"]
      : status === "error" || status === "failed" || status === "timeout"
        ? [CircleAlert, "text-danger"]
        : [CircleDashed, "text-busy"];
  const known = [
    "ok",
    "error",
    "timeout",
    "pending",
    "dispatched",
    "queued",
    "completed",
    "failed",
  ];
  return (
    <span className={cx("ml-auto inline-flex shrink-0 items-center gap-1 text-xs", ink)}>
      <Icon size={12} aria-hidden />
      <bdi className="max-w-24 truncate">
        {known.includes(status) ? t(`status.${status as "ok"}`) : status}
      </bdi>
    </span>
  );
}

function Inside({ row }: { row: Item }) {
  const { t } = useTranslation("activity");
  const ends = [
    ["from", row.source_id],
    ["to", row.target_id],
  ] as const;
  return (
    <div className="space-y-2 pb-2">
      {ends.map(
        ([end, other]) =>
          other && (
            <p key={end} className="flex min-w-0 items-center gap-2">
              <span className="shrink-0 text-muted">{t(end)}</span>
              <WorkspaceLink id={other} />
            </p>
          ),
      )}
      {row.error_detail && (
        <p className="rounded-md bg-danger-soft p-2 text-danger">
          <Said text={row.error_detail} />
        </p>
      )}
      <Body title={t("request")} value={row.request_body} />
      <Body title={t("response")} value={row.response_body} />
      <Body title={t("tools")} value={row.tool_trace} />
    </div>
  );
}

function Body({ title, value }: { title: string; value: unknown }) {
  if (value === undefined || value === null) return null;
  return (
    <div>
      <p className="mb-1 text-xs text-muted">{title}</p>
      <Json value={value} label={title} />
    </div>
  );
}
