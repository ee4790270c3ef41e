import { CircleMinus, CirclePlus, PenLine } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Workspace } from "../api/types";
import { StatusBadge } from "../kit/status";
import type { Changed, Compared, Difference } from "../model/diff";
import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";

/** Written out of each kind; the rest is a number. */
const LISTED = 200;

interface DifferencesProps {
  found: Difference;
  /** The earlier moment: those who left are still there. */
  from: number;
  onGo(): void;
}

export function Differences({ found, from, onGo }: DifferencesProps) {
  const { t } = useTranslation("time");
  const { added, removed, changed } = found;
  if (added.length + removed.length + changed.length === 0) return <p>{t("same")}</p>;
  const openNow = (id: string) => {
    usePast.getState().live();
    go(pathOf(id));
    onGo();
  };
  const openThen = (id: string) => {
    void usePast.getState().go(from);
    go(pathOf(id));
    onGo();
  };
  return (
    <div className="space-y-4">
      <Kind kind="added" items={added} icon={<CirclePlus size={15} aria-hidden />} ink="text-good">
        {(one) => <Who workspace={one} onGo={openNow} />}
      </Kind>
      <Kind
        kind="removed"
        items={removed}
        icon={<CircleMinus size={15} aria-hidden />}
        ink="text-danger"
      >
        {(one) => <Who workspace={one} onGo={openThen} />}
      </Kind>
      <Kind kind="changed" items={changed} icon={<PenLine size={15} aria-hidden />} ink="text-busy">
        {(one) => (
          <>
            <Who workspace={one.after} onGo={openNow} />
            <Fields changed={one} />
          </>
        )}
      </Kind>
    </div>
  );
}

interface KindProps<T> {
  kind: "added" | "removed" | "changed";
  items: readonly T[];
  icon: ReactNode;
  ink: string;
  children(item: T): ReactNode;
}

function Kind<T extends { id: string }>({ kind, items, icon, ink, children }: KindProps<T>) {
  const { t } = useTranslation("time");
  if (items.length === 0) return null;
  return (
    <section data-testid={`difference-${kind}`}>
      <h3 className={`mb-1 flex items-center gap-1.5 font-medium ${ink}`}>
        {icon}
        {t(kind, { count: items.length })}
      </h3>
      <ul className="space-y-1">
        {items.slice(0, LISTED).map((item) => (
          <li key={item.id} className="min-w-0">
            {children(item)}
          </li>
        ))}
      </ul>
      {items.length > LISTED && (
        <p className="text-muted">{t("more", { count: items.length - LISTED })}</p>
      )}
    </section>
  );
}

function Who({ workspace, onGo }: { workspace: Workspace; onGo(id: string): void }) {
  return (
    <button
      type="button"
      className="flex min-h-6 max-w-full items-center gap-2 text-start font-medium text-accent hover:underline"
      onClick={() => onGo(workspace.id)}
    >
      <bdi className="min-w-0 truncate">{workspace.name}</bdi>
      <StatusBadge status={workspace.status} className="shrink-0" />
    </button>
  );
}

function Fields({ changed }: { changed: Changed }) {
  const { t } = useTranslation("time");
  return (
    <dl className="ms-4 grid grid-cols-[max-content_1fr] gap-x-3 text-sm">
      {changed.fields.map((field) => (
        <div key={field} className="contents">
          <dt className="text-muted">{t(`field.${field}`)}</dt>
          <dd className="min-w-0 break-words">
            <Value workspace={changed.before} field={field} />
            <span aria-hidden> → </span>
            <Value workspace={changed.after} field={field} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ workspace, field }: { workspace: Workspace; field: Compared }) {
  const { t } = useTranslation(["time", "common"]);
  const parent = useOrg((state) => state.org[workspace.parent_id ?? ""]?.name);
  if (field === "status") return <span>{t(`common:status.${workspace.status}`)}</span>;
  if (field === "parent_id") {
    return <bdi>{workspace.parent_id ? (parent ?? workspace.parent_id) : t("nobody")}</bdi>;
  }
  const value = workspace[field];
  return <bdi>{value === null || value === "" ? t("nothing") : String(value)}</bdi>;
}
