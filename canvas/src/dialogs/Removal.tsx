import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { deleteWorkspace } from "../api/calls";
import { ApiError } from "../api/http";
import { Button, Dialog, Field } from "../kit";
import { go, placeOf } from "../nav";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { cascade, type Fallen, topmost } from "./cascade";
import { isolated, Name, short } from "./Name";

/** Listed one by one; the rest is a number. */
const LISTED = 200;

interface Failure {
  id: string;
  name: string;
  why: string;
}

/** Removes workspaces with everybody below them, after showing who that is. */
export function Removal({ ids }: { ids: readonly string[] }) {
  const { t } = useTranslation(["dialogs", "common"]);
  const [asked, setAsked] = useState<readonly string[]>(ids);
  const [purge, setPurge] = useState(false);
  const [typed, setTyped] = useState("");
  const [done, setDone] = useState<number | null>(null);
  const [failures, setFailures] = useState<readonly Failure[]>([]);
  const tree = useOrg((state) => state.tree);
  // Only who reports to whom matters here, and that gives a new tree.
  const roots = useMemo(() => {
    void tree;
    return topmost(useOrg.getState().org, asked);
  }, [tree, asked]);
  const all = useMemo(() => cascade(tree, roots), [tree, roots]);
  const busy = done !== null;
  const word = t("purge_word");
  const close = () => !busy && useView.getState().set({ removing: null });
  const first = useOrg((state) => (roots[0] ? state.org[roots[0]]?.name : undefined));

  const remove = async () => {
    const failed: Failure[] = [];
    setFailures([]);
    for (const [index, id] of roots.entries()) {
      setDone(index);
      const why = await removed(id, purge);
      if (why) failed.push({ id, name: useOrg.getState().org[id]?.name ?? id, why });
    }
    setDone(null);
    const gone = all.filter((one) => !failed.some((failure) => failure.id === rootOf(all, one)));
    forget(gone);
    if (gone.length > 0) notify.info(t("removed", { count: gone.length }));
    if (failed.length === 0) return useView.getState().set({ removing: null });
    setAsked(failed.map((failure) => failure.id));
    setFailures(failed);
  };

  if (roots.length === 0 && !busy) {
    return (
      <Dialog open onClose={close} title={t("gone_title")} description={t("gone_text")}>
        <Button onClick={close}>{t("common:close")}</Button>
      </Dialog>
    );
  }
  const below = all.length - roots.length;
  return (
    <Dialog
      open
      onClose={close}
      title={t("remove_title", { count: all.length, name: short(first ?? "") })}
      description={
        <>
          {t("remove_text", { count: all.length })}{" "}
          {below > 0 && t("remove_below", { count: below })}
        </>
      }
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button
            look="danger"
            disabled={busy || (purge && typed.trim().toLowerCase() !== word.toLowerCase())}
            onClick={() => void remove()}
          >
            {busy
              ? t("removing", { done, total: roots.length })
              : failures.length > 0
                ? t("retry_failed")
                : t("remove_button", { count: all.length })}
          </Button>
        </>
      }
    >
      {failures.length > 0 && <Failures failures={failures} />}
      <Fallings all={all} />
      <label className="mt-4 flex items-start gap-2">
        <input
          type="checkbox"
          className="mt-0.5 size-4 accent-danger"
          checked={purge}
          disabled={busy}
          onChange={(event) => setPurge(event.target.checked)}
        />
        <span>
          {t("purge", { count: all.length })}
          <span className="block text-xs text-muted">{t("purge_hint")}</span>
        </span>
      </label>
      {purge && (
        <Field
          className="mt-3"
          label={t("purge_confirm", { word })}
          value={typed}
          autoComplete="off"
          disabled={busy}
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </Dialog>
  );
}

function Fallings({ all }: { all: readonly Fallen[] }) {
  const { t } = useTranslation("dialogs");
  return (
    <section
      aria-label={t("remove_list")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-60 overflow-y-auto rounded-md border border-line"
    >
      <ul className="p-1">
        {all.slice(0, LISTED).map(({ id, depth }) => (
          <li
            key={id}
            data-testid="removal-item"
            className="min-w-0 truncate px-2 py-1"
            style={{ paddingInlineStart: 8 + Math.min(depth, 10) * 16 }}
          >
            <Name id={id} />
          </li>
        ))}
      </ul>
      {all.length > LISTED && (
        <p className="px-3 pb-2 text-muted">{t("more", { count: all.length - LISTED })}</p>
      )}
    </section>
  );
}

function Failures({ failures }: { failures: readonly Failure[] }) {
  const { t } = useTranslation("dialogs");
  return (
    <div role="alert" className="mb-3 rounded-md bg-danger-soft px-3 py-2 text-danger">
      {t("failures", { count: failures.length })}
      <ul className="mt-1 list-disc ps-5">
        {failures.slice(0, 20).map(({ id, name, why }) => (
          <li key={id} className="break-words">
            {isolated(name)}: {why}
          </li>
        ))}
      </ul>
      {failures.length > 20 && t("more", { count: failures.length - 20 })}
    </div>
  );
}

/** Removes one; returns why it did not go. One that is gone already is fine. */
async function removed(id: string, purge: boolean): Promise<string | undefined> {
  try {
    await deleteWorkspace(id, purge);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 410)) {
      useOrg.getState().forget(id);
      return undefined;
    }
    return error instanceof Error ? error.message : String(error);
  }
}

/** The root above `one` in a cascade: the nearest before it without depth. */
function rootOf(all: readonly Fallen[], one: Fallen): string {
  for (let index = all.indexOf(one); index >= 0; index--) {
    const above = all[index];
    if (above && above.depth === 0) return above.id;
  }
  return one.id;
}

/** Nothing that is gone stays selected or open. */
function forget(gone: readonly Fallen[]): void {
  const ids = new Set(gone.map(({ id }) => id));
  const { selected, select } = useView.getState();
  select([...selected].filter((id) => !ids.has(id)));
  const { workspace } = placeOf(location.hash.slice(1));
  if (workspace && ids.has(workspace)) go("/");
}
