import { ChevronDown, ChevronRight } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { isolated } from "../dialogs/Name";
import { cx } from "../kit";
import { pathOf } from "../nav";
import { useOrg } from "../store/org";
import { useView } from "../store/view";
import { rename } from "./actions";
import type { Row } from "./rows";

export interface NameCellProps {
  row: Row;
  workspace: Workspace;
  flat: boolean;
  onFold(folded: boolean): void;
}

/** Width of the place for folding, with its gap, in pixels. */
export const FOLD = 28;

/** Pixels before the name. Deep charts must leave room for it. */
export const indentOf = (row: Row) => Math.min(row.depth, 12) * 16;

/** The name: indented, foldable, and a field while it is renamed. */
export function NameCell({ row, workspace, flat, onFold }: NameCellProps) {
  const { t } = useTranslation("list");
  const renaming = useView((view) => view.renaming === row.id);
  const { name } = workspace;
  return (
    <div className="flex min-w-0 items-center gap-1" style={{ paddingInlineStart: indentOf(row) }}>
      {row.open === null ? (
        !flat && <span className="w-6 shrink-0" />
      ) : (
        <button
          type="button"
          tabIndex={-1}
          aria-label={t(row.open ? "fold" : "unfold", { name })}
          className="grid size-6 shrink-0 place-items-center rounded hover:bg-raised"
          onClick={() => onFold(row.open === true)}
        >
          {row.open ? (
            <ChevronDown size={15} aria-hidden />
          ) : (
            <ChevronRight size={15} aria-hidden />
          )}
        </button>
      )}
      {renaming ? (
        <RenameField id={row.id} name={name} />
      ) : (
        <a
          href={`#${pathOf(row.id)}`}
          tabIndex={-1}
          className={cx("min-w-0 truncate font-medium hover:underline", row.dimmed && "text-muted")}
          title={name}
        >
          <bdi>{name}</bdi>
        </a>
      )}
      {flat && workspace.parent_id && <Lead id={workspace.parent_id} />}
    </div>
  );
}

function Lead({ id }: { id: string }) {
  const { t } = useTranslation("list");
  const name = useOrg((state) => state.org[id]?.name);
  if (name === undefined) return null;
  return (
    <span className="min-w-0 shrink-2 truncate text-xs text-muted">
      {t("reports_to", { name: isolated(name) })}
    </span>
  );
}

function RenameField({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation("list");
  const field = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => field.current?.select(), []);
  const end = (save: boolean) => {
    if (done.current) return;
    done.current = true;
    const value = field.current?.value.trim() ?? "";
    const grid = field.current?.closest<HTMLElement>('[role="treegrid"]');
    useView.getState().set({ renaming: null });
    if (save) void rename(id, value);
    return grid;
  };
  return (
    <input
      ref={field}
      defaultValue={name}
      dir="auto"
      aria-label={t("rename_label", { name })}
      className="h-7 w-full min-w-0 rounded border border-line-strong bg-surface px-1.5"
      onBlur={() => end(true)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") end(true)?.focus();
        else if (event.key === "Escape") end(false)?.focus();
      }}
    />
  );
}
