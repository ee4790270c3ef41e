import { ChevronDown, ChevronRight, FileText, Folder } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "../../kit";
import { size } from "../../kit/bytes";
import { Failed } from "../parts";
import { join } from "./paths";
import type { Folders } from "./useFolder";

/** Entries of one folder that are shown. */
const LISTED = 1_000;

interface TreeProps {
  folders: Folders;
  chosen: string | null;
  onChoose(path: string): void;
}

export function Tree(props: TreeProps) {
  const { t } = useTranslation("lifecycle");
  return (
    <nav aria-label={t("files_tree")} data-testid="files-tree">
      <Level {...props} path="" depth={0} />
    </nav>
  );
}

function Level({
  folders,
  chosen,
  onChoose,
  path,
  depth,
}: TreeProps & { path: string; depth: number }) {
  const { t } = useTranslation("lifecycle");
  const folder = folders.open[path];
  if (folder?.error !== undefined) {
    return <Failed error={folder.error} retry={() => void folders.read(path)} />;
  }
  if (folder?.entries === undefined) return null;
  if (folder.entries.length === 0) {
    return (
      <p className="px-2 py-1 text-muted" style={{ paddingInlineStart: 8 + depth * 14 }}>
        {t("folder_empty")}
      </p>
    );
  }
  return (
    <ul>
      {folder.entries.slice(0, LISTED).map((entry) => {
        const full = join(path, entry.path);
        const open = entry.dir && folders.open[full] !== undefined;
        const Chevron = open ? ChevronDown : ChevronRight;
        return (
          <li key={full}>
            <button
              type="button"
              aria-expanded={entry.dir ? open : undefined}
              aria-current={full === chosen ? "true" : undefined}
              onClick={() => (entry.dir ? folders.toggle(full) : onChoose(full))}
              className={cx(
                "flex min-h-7 w-full min-w-0 items-center gap-1.5 rounded px-2 text-left outline-offset-[-2px] hover:bg-raised",
                full === chosen && "bg-accent-soft",
              )}
              style={{ paddingInlineStart: 8 + Math.min(depth, 10) * 14 }}
            >
              {entry.dir ? (
                <>
                  <Chevron size={13} aria-hidden className="shrink-0 text-muted" />
                  <Folder size={14} aria-hidden className="shrink-0 text-busy" />
                </>
              ) : (
                <FileText size={14} aria-hidden className="ms-[19px] shrink-0 text-muted" />
              )}
              <bdi dir="auto" title={entry.path} className="min-w-0 truncate">
                {entry.path}
              </bdi>
              {!entry.dir && (
                <span className="ms-auto shrink-0 text-xs text-muted">{size(entry.size)}</span>
              )}
            </button>
            {open && (
              <Level
                folders={folders}
                chosen={chosen}
                onChoose={onChoose}
                path={full}
                depth={depth + 1}
              />
            )}
          </li>
        );
      })}
      {folder.entries.length > LISTED && (
        <li className="px-2 text-muted">{t("more", { count: folder.entries.length - LISTED })}</li>
      )}
    </ul>
  );
}
