import { Activity, HeartPulse, Timer, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Status, Workspace } from "../api/types";
import { cx } from "../kit";
import { ago, span, useNow } from "../kit/time";
import { startedAt } from "../live/starts";
import { useReadOnly } from "../store/shown";

/** Ages on nodes are drawn anew this often. */
const AGE_MS = 5_000;
/** Skills that are written out. */
const SKILLS = 2;
/** Made once: making a formatter takes longer than using it a hundred times. */
const percent = new Intl.NumberFormat(undefined, { style: "percent" });

const text = (value: unknown) => (typeof value === "string" ? value : "");

/** What a face says below its name. */
export function Detail({ workspace, members }: { workspace: Workspace; members: number }) {
  const { t } = useTranslation("board");
  const listed = workspace.agent_card?.skills;
  const skills = Array.isArray(listed) ? listed : [];
  const task = workspace.current_task;
  return (
    <>
      <div className="mt-1 flex h-5 items-center gap-1 overflow-hidden pl-1 text-[11px] text-muted">
        <span className="shrink-0 rounded bg-raised px-1">
          {t("tier", { tier: workspace.tier })}
        </span>
        <bdi className="truncate rounded bg-raised px-1">{workspace.runtime}</bdi>
        {skills.slice(0, SKILLS).map((skill, index) => (
          // A card may name a skill twice.
          // biome-ignore lint/suspicious/noArrayIndexKey: the order of a card does not change
          <bdi key={index} className="max-w-20 truncate rounded bg-accent-soft px-1 text-accent">
            {text(skill?.name) || text(skill?.id)}
          </bdi>
        ))}
        {skills.length > SKILLS && (
          <span
            data-hint={skills.map((skill) => text(skill?.name) || text(skill?.id)).join(", ")}
            className="shrink-0"
          >
            {t("more_skills", { count: skills.length - SKILLS })}
          </span>
        )}
      </div>
      <p className="mt-0.5 h-4 truncate pl-1 text-xs">
        {NOTES.includes(workspace.status) ? (
          <Standing workspace={workspace} />
        ) : (
          task && <bdi data-hint={task}>{task}</bdi>
        )}
      </p>
      <Vitals workspace={workspace} members={members} />
    </>
  );
}

const NOTES: readonly Status[] = ["provisioning", "failed", "paused", "hibernating", "hibernated"];

/** In place of a task: why its agent is not there. */
function Standing({ workspace: { id, status, last_sample_error: why } }: { workspace: Workspace }) {
  const { t } = useTranslation("board");
  if (status === "provisioning") return <Starting id={id} />;
  if (status === "failed") {
    return (
      <bdi
        className="text-danger"
        data-hint={why || undefined}
        data-hint-key={why ? true : undefined}
      >
        {why && t("failed_reason", { why })}
      </bdi>
    );
  }
  return (
    <span className="text-muted">{t(status === "paused" ? "paused_note" : "asleep_note")}</span>
  );
}

function Starting({ id }: { id: string }) {
  const { t } = useTranslation("board");
  const now = useNow();
  const since = startedAt(id);
  const seconds = since === undefined ? 0 : Math.max(0, (now - since) / 1000);
  return (
    <span className="text-busy">
      {since === undefined ? t("starting") : t("starting_for", { span: span(seconds) })}
    </span>
  );
}

const VITAL = "inline-flex shrink-0 items-center gap-0.5";

function Vitals({ workspace, members }: { workspace: Workspace; members: number }) {
  const { t } = useTranslation("board");
  const { active_tasks: active, max_concurrent_tasks: max } = workspace;
  // Beats are not part of the past.
  const past = useReadOnly();
  const failing = workspace.last_error_rate > 0;
  return (
    <div className="mt-auto flex items-center gap-2 overflow-hidden pl-1 text-[11px] whitespace-nowrap text-muted">
      <span className={VITAL} data-hint={t("tasks", { active, max })}>
        <Activity size={11} aria-hidden />
        {active}/{max}
      </span>
      <span
        data-hint={workspace.last_sample_error || t("no_errors")}
        // What the keys bring up, too.
        {...(workspace.last_sample_error ? { "data-hint-key": true } : {})}
        className={cx(VITAL, failing && "font-medium text-warn")}
      >
        <TriangleAlert size={11} aria-hidden />
        {t("errors", { percent: percent.format(workspace.last_error_rate) })}
      </span>
      {!past && <Beat at={workspace.last_heartbeat_at} />}
      {!past && workspace.uptime_seconds > 0 && members === 0 && (
        <span className={VITAL} data-hint={t("up_for", { span: span(workspace.uptime_seconds) })}>
          <Timer size={11} aria-hidden />
          {span(workspace.uptime_seconds, 1)}
        </span>
      )}
    </div>
  );
}

/** By itself, so that a passing second draws an age and not a face. */
function Beat({ at }: { at: string | null }) {
  const { t } = useTranslation("board");
  const now = useNow(AGE_MS);
  return (
    <span className={VITAL}>
      <HeartPulse size={11} aria-hidden />
      {at ? ago(Date.parse(at), now) : t("no_beat")}
    </span>
  );
}
