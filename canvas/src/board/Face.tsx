import { type NodeProps, useStore } from "@xyflow/react";
import { Activity, HeartPulse, Timer, TriangleAlert } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { cx, Tooltip } from "../kit";
import { LOOK, StatusBadge } from "../kit/status";
import { ago, span, useNow } from "../kit/time";
import { useConnection } from "../live/connection";
import { NODE } from "../model/placement";
import { useOrg } from "../store/org";
import { useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { detailAt } from "./detail";
import { useDrop } from "./drop";
import { useIsDimmed } from "./match";
import { NodeMenu } from "./NodeMenu";
import { Rename } from "./Rename";
import { type FaceNode, worstBelow } from "./scene";

/** One workspace. Reads its own row from the store, so that a change draws this node alone. */
export const Face = memo(function Face({ id, data, selected }: NodeProps<FaceNode>) {
  const workspace = useShownWorkspace(id);
  const simple = useStore((state) => detailAt(state.transform[2]) !== "full");
  const stale = useConnection((connection) => connection.state !== "live");
  const target = useDrop((drop) => drop.target === id);
  const dimmed = useIsDimmed(workspace);
  const { t } = useTranslation();
  if (!workspace) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a node is no set of fields
    <div
      role="group"
      aria-label={`${workspace.name}, ${t(`status.${workspace.status}`)}`}
      data-testid="node"
      data-workspace={id}
      data-status={workspace.status}
      className={cx(
        "size-full rounded-lg border bg-surface shadow-sm",
        selected ? "border-accent ring-2 ring-accent" : "border-line-strong",
        target && "border-accent bg-accent-soft ring-4 ring-accent",
        stale && "border-dashed grayscale",
        dimmed && "opacity-30",
      )}
    >
      <div className="relative flex flex-col overflow-hidden p-2.5" style={{ height: NODE.height }}>
        <span
          aria-hidden
          className="absolute inset-y-0 left-0 w-1 rounded-l-lg"
          style={{ background: `var(${(LOOK[workspace.status] ?? LOOK.offline).paint})` }}
        />
        <Head workspace={workspace} simple={simple} />
        {simple ? null : <Detail workspace={workspace} members={data.members} />}
        {data.folded && <Folded id={id} below={data.below} />}
      </div>
    </div>
  );
});

function Head({ workspace, simple }: { workspace: Workspace; simple: boolean }) {
  const renaming = useView((view) => view.renaming === workspace.id);
  return (
    <div className="flex items-start gap-1.5 pl-1">
      <div className="min-w-0 grow">
        {renaming ? (
          <Rename workspace={workspace} />
        ) : (
          <bdi className={cx("block truncate font-semibold", simple ? "text-xl" : "text-sm")}>
            {workspace.name}
          </bdi>
        )}
        {workspace.role && (
          <bdi className={cx("block truncate text-muted", simple ? "text-base" : "text-xs")}>
            {workspace.role}
          </bdi>
        )}
      </div>
      <StatusBadge status={workspace.status} className={simple ? "text-base" : ""} />
      {!simple && <NodeMenu workspace={workspace} />}
    </div>
  );
}

function Detail({ workspace, members }: { workspace: Workspace; members: number }) {
  const { t } = useTranslation("board");
  const skills = workspace.agent_card?.skills ?? [];
  const task = workspace.current_task;
  return (
    <>
      <div className="mt-1 flex h-5 items-center gap-1 overflow-hidden pl-1 text-[11px] text-muted">
        <span className="rounded bg-raised px-1">{t("tier", { tier: workspace.tier })}</span>
        <bdi className="truncate rounded bg-raised px-1">{workspace.runtime}</bdi>
        {Array.isArray(skills) &&
          skills.slice(0, 2).map((skill, index) => (
            // A card may name a skill twice.
            // biome-ignore lint/suspicious/noArrayIndexKey: the order of a card does not change
            <bdi key={index} className="max-w-20 truncate rounded bg-accent-soft px-1 text-accent">
              {text(skill?.name) || text(skill?.id)}
            </bdi>
          ))}
        {skills.length > 2 && <span>{t("more_skills", { count: skills.length - 2 })}</span>}
      </div>
      <p className="mt-0.5 h-4 truncate pl-1 text-xs">
        {task && (
          <Tooltip text={task}>
            <bdi>{task}</bdi>
          </Tooltip>
        )}
      </p>
      <Vitals workspace={workspace} members={members} />
    </>
  );
}

const text = (value: unknown) => (typeof value === "string" ? value : "");
/** Ages on nodes are drawn anew this often. */
const AGE_MS = 5_000;

function Vitals({ workspace, members }: { workspace: Workspace; members: number }) {
  const { t } = useTranslation("board");
  const now = useNow(AGE_MS);
  const beat = workspace.last_heartbeat_at;
  const percent = new Intl.NumberFormat(undefined, { style: "percent" }).format(
    workspace.last_error_rate,
  );
  const failing = workspace.last_error_rate > 0;
  return (
    <div className="mt-auto flex items-center gap-2 overflow-hidden pl-1 text-[11px] whitespace-nowrap text-muted">
      <span
        className="inline-flex items-center gap-0.5"
        title={t("tasks", {
          active: workspace.active_tasks,
          max: workspace.max_concurrent_tasks,
        })}
      >
        <Activity size={11} aria-hidden />
        {workspace.active_tasks}/{workspace.max_concurrent_tasks}
      </span>
      <Tooltip text={workspace.last_sample_error || t("no_errors")}>
        <span
          className={cx("inline-flex items-center gap-0.5", failing && "font-medium text-warn")}
        >
          <TriangleAlert size={11} aria-hidden />
          {t("errors", { percent })}
        </span>
      </Tooltip>
      <span className="inline-flex items-center gap-0.5">
        <HeartPulse size={11} aria-hidden />
        {beat ? ago(Date.parse(beat), now) : t("no_beat")}
      </span>
      {workspace.uptime_seconds > 0 && members === 0 && (
        <span
          className="inline-flex items-center gap-0.5"
          title={t("up_for", { span: span(workspace.uptime_seconds) })}
        >
          <Timer size={11} aria-hidden />
          {span(workspace.uptime_seconds, 1)}
        </span>
      )}
    </div>
  );
}

function Folded({ id, below }: { id: string; below: number }) {
  const { t } = useTranslation(["board", "common"]);
  const worst = useOrg((state) => worstBelow(state.org, state.tree, id));
  const { ink, icon: Icon } = LOOK[worst];
  return (
    <span className="absolute right-2 bottom-1.5 inline-flex items-center gap-1 rounded-full border border-line bg-raised px-2 text-xs">
      <Icon size={12} aria-hidden className={ink} />
      {t("inside", { count: below })}
      <span className="sr-only">{t("worst_inside", { status: t(`common:status.${worst}`) })}</span>
    </span>
  );
}
