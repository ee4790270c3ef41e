/** Everything that is known of a workspace, on one page. */

import { useTranslation } from "react-i18next";
import type { Workspace } from "../../api/types";
import { StatusBadge } from "../../kit/status";
import { span, useNow } from "../../kit/time";
import { ROOT } from "../../model/tree";
import { usePast } from "../../store/past";
import { useReadOnly, useShownTree, useShownWorkspace } from "../../store/shown";
import { Address, CopyButton, Fact, Facts, Said, Section, When, WorkspaceLink } from "../parts";
import { useInfo } from "../server";
import { Access } from "./Access";
import { useSince } from "./since";

export function Overview({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const workspace = useShownWorkspace(id);
  if (!workspace) return null;
  return (
    <>
      <Section title={t("state")}>
        <State workspace={workspace} />
      </Section>
      <Section title={t("work")}>
        <Work workspace={workspace} />
      </Section>
      <Section title={t("identity")}>
        <Identity workspace={workspace} />
      </Section>
      <Family id={id} />
      <Access id={id} />
    </>
  );
}

function State({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  const since = useSince(workspace);
  const limit = useInfo()?.liveness_ttl_ms;
  const beat = workspace.last_heartbeat_at;
  // The past is told by events, and beats are none.
  const past = useReadOnly();
  return (
    <Facts>
      <Fact label={t("status")}>
        <StatusBadge status={workspace.status} />{" "}
        {since && (
          <span className="text-muted">
            {t("since")} <When at={since} />
          </span>
        )}
      </Fact>
      {!past && (
        <Fact label={t("last_beat")}>
          {beat ? <When at={beat} /> : t("no_beat")}
          {limit !== undefined && (
            <p className="text-xs text-muted">{t("liveness", { limit: span(limit / 1000) })}</p>
          )}
        </Fact>
      )}
      {!past && <Uptime workspace={workspace} />}
      {workspace.forwarded_to && (
        <Fact label={t("forwarded_to")}>
          <WorkspaceLink id={workspace.forwarded_to} />
        </Fact>
      )}
    </Facts>
  );
}

/** The uptime as the last beat told it, and as it went on since then while the agent is there. */
function Uptime({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  const now = useNow();
  const { uptime_seconds: told, last_heartbeat_at: at, status } = workspace;
  if (!at) return null;
  const there = status === "online" || status === "degraded";
  const since = there ? Math.max(0, (now - Date.parse(at)) / 1000) : 0;
  return <Fact label={t(there ? "uptime" : "last_uptime")}>{span(told + since)}</Fact>;
}

const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

function Work({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  return (
    <Facts>
      <Fact label={t("current_task")}>
        {workspace.current_task ? <Said text={workspace.current_task} /> : t("none")}
      </Fact>
      <Fact label={t("tasks")}>
        {t("tasks_of", { active: workspace.active_tasks, max: workspace.max_concurrent_tasks })}
      </Fact>
      <Fact label={t("error_rate")}>
        {percent.format(workspace.last_error_rate)}
        {workspace.last_sample_error && (
          <pre className="mt-1 max-h-40 overflow-auto rounded-md bg-raised p-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
            <bdi dir="auto">{workspace.last_sample_error}</bdi>
          </pre>
        )}
      </Fact>
    </Facts>
  );
}

const TIERS = [1, 2, 3, 4] as const;

function Identity({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  const tier = TIERS.find((one) => one === workspace.tier);
  return (
    <Facts>
      <Fact label={t("role")}>{workspace.role ? <Said text={workspace.role} /> : t("none")}</Fact>
      <Fact label={t("tier")}>
        {workspace.tier}{" "}
        <span className="text-muted">{t(tier ? `tier_${tier}` : "tier_other")}</span>
      </Fact>
      <Fact label={t("runtime")}>
        <Said text={workspace.runtime} />
      </Fact>
      <Fact label={t("url")}>{workspace.url ? <Address url={workspace.url} /> : t("none")}</Fact>
      <Fact label={t("id")}>
        <span className="flex flex-wrap items-center gap-1">
          <code className="font-mono text-xs [overflow-wrap:anywhere]">{workspace.id}</code>
          <CopyButton text={workspace.id} label={t("copy_id")} />
        </span>
      </Fact>
    </Facts>
  );
}

function Family({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const tree = useShownTree();
  const workspace = useShownWorkspace(id);
  const at = usePast((past) => past.moment?.at);
  const children = tree.children[id] ?? [];
  const parent = workspace?.parent_id;
  return (
    <Section title={t(at === undefined ? "family" : "family_then")}>
      <Facts>
        <Fact label={t("parent")}>
          {parent ? <WorkspaceLink id={parent} /> : t("no_parent", { count: rootsOf(tree) })}
        </Fact>
        <Fact label={t("children", { count: children.length })}>
          {children.length === 0 ? t("none") : <Names ids={children} />}
        </Fact>
      </Facts>
    </Section>
  );
}

const rootsOf = (tree: ReturnType<typeof useShownTree>) =>
  Math.max(0, (tree.children[ROOT]?.length ?? 0) - 1);

/** Names, as links; long lists scroll in themselves. */
export function Names({ ids }: { ids: readonly string[] }) {
  return (
    <ul className="max-h-60 overflow-y-auto">
      {ids.map((id) => (
        <li key={id} className="min-w-0">
          <WorkspaceLink id={id} />
        </li>
      ))}
    </ul>
  );
}
