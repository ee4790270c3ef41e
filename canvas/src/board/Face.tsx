import { type NodeProps, useStore } from "@xyflow/react";
import { Ellipsis } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { cx } from "../kit";
import { Marks } from "../kit/marks";
import { LOOK, StatusBadge } from "../kit/status";
import { useConnection } from "../live/connection";
import { HEADER, NODE } from "../model/placement";
import { useWaitingApprovals } from "../store/approvals";
import { useReadOnly, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { Detail } from "./Detail";
import { detailAt } from "./detail";
import { useDrop } from "./drop";
import { Folded } from "./Folded";
import { useFocus } from "./focus";
import { useMatch } from "./match";
import { openMenuBelow, useMenu } from "./menu";
import { Rename } from "./Rename";
import type { FaceNode } from "./scene";

/** Sizes of marks: larger from afar. */
const MARK = {
  full: "px-1.5 text-xs",
  simple: "px-2 text-lg",
  name: "px-2.5 text-3xl",
  painted: "px-2.5 text-3xl",
};

/** One workspace. Reads its own row from the store, so that a change draws this node alone. */
export const Face = memo(function Face({ id, data, selected }: NodeProps<FaceNode>) {
  const workspace = useShownWorkspace(id);
  const detail = useStore((state) => detailAt(state.transform[2]));
  const stale = useConnection((connection) => connection.state !== "live");
  const target = useDrop((drop) => drop.target === id);
  const focused = useFocus((focus) => focus.id === id);
  const match = useMatch(workspace);
  const label = useLabel(workspace);
  if (!workspace) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a node is no set of fields
    <div
      role="group"
      aria-label={label}
      data-testid="node"
      data-workspace={id}
      data-status={workspace.status}
      className={cx(
        "relative size-full rounded-lg border shadow-sm",
        match === "found" ? "bg-accent-soft" : "bg-surface",
        selected ? "border-accent ring-2 ring-accent" : "border-line-strong",
        focused &&
          "outline-offset-4 outline-accent group-data-[keys=true]/board:outline-2 group-data-[keys=true]/board:outline-dashed",
        target && "border-accent bg-accent-soft ring-4 ring-accent",
        stale && "border-dashed grayscale",
        match === "left_out" && "opacity-30",
      )}
    >
      <div
        // A team is held by its face: the room below is the sheet that its members lie on.
        className="pointer-events-auto relative flex flex-col overflow-hidden p-2.5"
        style={{ height: data.folded || data.members === 0 ? NODE.height - 2 : HEADER - 2 }}
      >
        <span
          aria-hidden
          className="absolute inset-y-0 left-0 w-1 rounded-l-lg"
          style={{ background: `var(${(LOOK[workspace.status] ?? LOOK.offline).paint})` }}
        />
        {detail === "full" || detail === "simple" ? (
          <Head workspace={workspace} simple={detail === "simple"} />
        ) : (
          <Name workspace={workspace} />
        )}
        {detail === "full" && <Detail workspace={workspace} members={data.members} />}
        {data.folded && <Folded id={id} below={data.below} />}
      </div>
      <div className={cx("absolute right-3 flex gap-1", detail === "full" ? "-top-3" : "-top-4")}>
        <Marks
          board
          id={id}
          depth={workspace.queue_depth ?? 0}
          className={cx("pointer-events-auto border border-current", MARK[detail])}
          size={detail === "full" ? 12 : 20}
        />
      </div>
    </div>
  );
});

/** Name, role, status and whom it reports to, for readers. */
function useLabel(workspace: Workspace | undefined): string {
  const { t } = useTranslation(["board", "common"]);
  const parent = useShownWorkspace(workspace?.parent_id)?.name;
  const approvals = useWaitingApprovals(workspace?.id ?? "");
  const past = useReadOnly();
  if (!workspace) return "";
  const status = t(`common:status.${workspace.status}`);
  const own = [workspace.name, workspace.role, status];
  if (!past && approvals > 0) own.push(t("common:approvals_waiting", { count: approvals }));
  const depth = past ? 0 : (workspace.queue_depth ?? 0);
  if (depth > 0) own.push(t("common:queue_depth", { count: depth }));
  if (parent) own.push(t("reports_to", { name: parent }));
  return own.filter(Boolean).join(", ");
}

function Head({ workspace, simple }: { workspace: Workspace; simple: boolean }) {
  const renaming = useView((view) => view.renaming === workspace.id);
  const readOnly = useReadOnly();
  const rename = () => !readOnly && useView.getState().set({ renaming: workspace.id });
  return (
    <div className="flex items-start gap-1.5 pl-1">
      <div className="min-w-0 grow">
        {renaming ? (
          <Rename workspace={workspace} />
        ) : (
          // The keys' own way is F2.
          // biome-ignore lint/a11y/noStaticElementInteractions: a second way for the pointer
          <bdi
            // A long name is cut short.
            data-hint={workspace.name}
            onDoubleClick={rename}
            className={cx("block truncate font-semibold", simple ? "text-xl" : "text-sm")}
          >
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
      {!simple && <MenuButton id={workspace.id} name={workspace.name} />}
    </div>
  );
}

/** From afar: letters that are large enough, and the status by its icon. */
function Name({ workspace }: { workspace: Workspace }) {
  const { icon: Icon, ink } = LOOK[workspace.status] ?? LOOK.offline;
  return (
    <div className="flex items-start gap-2 pl-1">
      <bdi
        data-hint={workspace.name}
        className="line-clamp-2 min-w-0 grow text-4xl leading-tight font-semibold break-words"
      >
        {workspace.name}
      </bdi>
      <Icon size={40} aria-hidden className={cx("shrink-0", ink)} />
    </div>
  );
}

function MenuButton({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation("board");
  const open = useMenu((menu) => menu.open?.id === id);
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={t("actions", { name })}
      aria-haspopup="menu"
      aria-expanded={open}
      onClick={(event) => {
        event.stopPropagation();
        openMenuBelow(id, event.currentTarget);
      }}
      className="nodrag -mt-0.5 -mr-1 flex size-6 shrink-0 items-center justify-center rounded text-muted hover:bg-raised"
    >
      <Ellipsis size={15} aria-hidden />
    </button>
  );
}
