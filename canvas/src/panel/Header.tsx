/** The head of the panel: who it is, how it is, and what can be done. */

import { Check, Ellipsis, Pencil, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { patchWorkspace } from "../api/calls";
import type { Workspace } from "../api/types";
import { Button, cx, IconButton, Menu } from "../kit";
import { Marks } from "../kit/marks";
import { StatusBadge } from "../kit/status";
import { dateTime } from "../kit/time";
import { usePast } from "../store/past";
import { useReadOnly } from "../store/shown";
import { useActions } from "./actions";
import { close } from "./window";

export function Header({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  const readOnly = useReadOnly();
  const [renaming, setRenaming] = useState(false);
  const items = useActions(workspace);
  const at = usePast((past) => past.moment?.at);
  return (
    <header className="shrink-0 px-4 pt-3 pb-2">
      <div className="flex items-start gap-1">
        {renaming && !readOnly ? (
          <Rename workspace={workspace} onDone={() => setRenaming(false)} />
        ) : (
          <>
            <Name name={workspace.name} />
            {!readOnly && (
              <IconButton label={t("rename")} onClick={() => setRenaming(true)}>
                <Pencil size={15} aria-hidden />
              </IconButton>
            )}
          </>
        )}
        {!readOnly && (
          <Menu
            items={items}
            trigger={
              <Button look="ghost" className="w-8 px-0" aria-label={t("actions")}>
                <Ellipsis size={16} aria-hidden />
              </Button>
            }
          />
        )}
        <CloseButton id={workspace.id} />
      </div>
      <div className="flex min-w-0 items-center gap-2">
        <StatusBadge status={workspace.status} />
        <Marks id={workspace.id} depth={workspace.queue_depth ?? 0} />
        {workspace.role && (
          <bdi dir="auto" className="truncate text-muted">
            {workspace.role}
          </bdi>
        )}
      </div>
      {at !== undefined && (
        <p className="mt-2 rounded-md bg-warn-soft px-2 py-1 text-warn">
          {t("as_it_was", { when: dateTime(at) })}
        </p>
      )}
    </header>
  );
}

export function UnknownHeader({ id }: { id: string }) {
  return (
    <header className="flex shrink-0 justify-end px-4 pt-3">
      <CloseButton id={id} />
    </header>
  );
}

/** On a narrow screen the panel covers everything: the focus goes along. */
function Name({ name }: { name: string }) {
  const place = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (matchMedia("(max-width: 767px)").matches) place.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h2
      ref={place}
      tabIndex={-1}
      title={name}
      className="line-clamp-2 min-w-0 grow pt-1 text-lg leading-6 font-semibold outline-none [overflow-wrap:anywhere]"
    >
      <bdi dir="auto">{name}</bdi>
    </h2>
  );
}

function CloseButton({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  return (
    <IconButton label={t("close")} keys="Escape" onClick={() => close(id)}>
      <X size={16} aria-hidden />
    </IconButton>
  );
}

function Rename({ workspace, onDone }: { workspace: Workspace; onDone(): void }) {
  const { t } = useTranslation("panel");
  const [name, setName] = useState(workspace.name);
  const [error, setError] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const save = async () => {
    if (name === workspace.name || name.trim() === "") return onDone();
    try {
      await patchWorkspace(workspace.id, { name });
      onDone();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <form
      className="min-w-0 grow"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div className="flex gap-1">
        <input
          ref={input}
          aria-label={t("name")}
          aria-invalid={error !== ""}
          aria-describedby={error ? "rename-error" : undefined}
          dir="auto"
          value={name}
          onChange={(event) => setName(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.preventDefault();
            onDone();
          }}
          className={cx(
            "h-8 w-full min-w-0 rounded-md border bg-surface px-2 text-lg font-semibold",
            error ? "border-danger" : "border-line-strong",
          )}
        />
        <IconButton type="submit" label={t("save_name")}>
          <Check size={16} aria-hidden />
        </IconButton>
      </div>
      {error && (
        <p id="rename-error" role="alert" className="mt-1 break-words text-danger">
          {error}
        </p>
      )}
    </form>
  );
}
