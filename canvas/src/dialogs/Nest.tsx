import { LockKeyhole, LockKeyholeOpen } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Dialog } from "../kit";
import { type Contact, previewMove, refusal } from "../model/access";
import type { Org } from "../model/org";
import { parentOf } from "../model/tree";
import { arrange, type Move, undo } from "../store/arrange";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { type Nesting, useView } from "../store/view";
import { topmost } from "./cascade";
import { grouped } from "./contacts";
import { Name, short } from "./Name";

/** Groups, and names in each, that are written out. */
const GROUPS = 12;
const NAMES = 6;

/** Who gains and who loses access to whom by a move, before it happens. */
export function Nest({ nesting }: { nesting: Nesting }) {
  const { t } = useTranslation(["dialogs", "common"]);
  const [busy, setBusy] = useState(false);
  const tree = useOrg((state) => state.tree);
  const plan = useMemo(() => {
    void tree;
    return planOf(useOrg.getState().org, nesting);
  }, [tree, nesting]);
  const parent = useOrg((state) => (nesting.parent ? state.org[nesting.parent]?.name : null));
  const first = useOrg((state) => state.org[plan.ids[0] ?? nesting.ids[0] ?? ""]?.name);
  const close = () => useView.getState().set({ nesting: null });
  const count = plan.ids.length;

  const move = async () => {
    setBusy(true);
    close();
    if (await arrange({ what: "nested", moves: plan.moves })) {
      notify.info(t("moved", { count }), { label: t("common:undo"), run: () => void undo() });
    }
  };
  return (
    <Dialog
      open
      onClose={close}
      title={t("move_title", { count: Math.max(1, count), name: short(first ?? "") })}
      description={
        count > 0
          ? parent
            ? t("move_to", { count, name: short(parent) })
            : t("move_out", { count })
          : undefined
      }
      footer={
        <>
          <Button onClick={close}>{t("common:cancel")}</Button>
          <Button look="primary" disabled={busy || count === 0} onClick={() => void move()}>
            {t("move_button")}
          </Button>
        </>
      }
    >
      {plan.refused.map(({ id, why }) => (
        <p key={id} role="alert" className="mb-2 break-words text-danger">
          {t(`refused_${why}`, { name: short(useOrg.getState().org[id]?.name ?? id) })}
        </p>
      ))}
      {count === 0 && plan.refused.length === 0 && <p>{t("stays")}</p>}
      {count > 0 && <Preview gained={plan.gained} lost={plan.lost} />}
    </Dialog>
  );
}

interface Plan {
  ids: string[];
  moves: Move[];
  refused: { id: string; why: "self" | "below" }[];
  gained: readonly Contact[];
  lost: readonly Contact[];
}

function planOf(org: Org, { ids, parent, position }: Nesting): Plan {
  const refused: Plan["refused"] = [];
  const going: string[] = [];
  for (const id of topmost(org, ids)) {
    const why = refusal(org, id, parent);
    if (why) refused.push({ id, why });
    else if (parentOf(org, id) !== parent) going.push(id);
  }
  // Without a position the new team finds a free place for each.
  const to = { parent_id: parent, ...(position ?? { x: 0, y: 0 }) };
  const moves = going.flatMap((id) => {
    const workspace = org[id];
    if (!workspace) return [];
    const { parent_id, x, y } = workspace;
    return [{ id, from: { parent_id, x, y }, to }];
  });
  const { gained, lost } = previewMove(org, going, parent);
  return { ids: going, moves, refused, gained, lost };
}

function Preview({ gained, lost }: { gained: readonly Contact[]; lost: readonly Contact[] }) {
  const { t } = useTranslation("dialogs");
  if (gained.length === 0 && lost.length === 0) return <p>{t("no_change")}</p>;
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Contacts kind="gains" contacts={gained} />
      <Contacts kind="loses" contacts={lost} />
    </div>
  );
}

function Contacts({ kind, contacts }: { kind: "gains" | "loses"; contacts: readonly Contact[] }) {
  const { t } = useTranslation("dialogs");
  const groups = useMemo(() => grouped(contacts), [contacts]);
  const Icon = kind === "gains" ? LockKeyholeOpen : LockKeyhole;
  return (
    <section data-testid={`preview-${kind}`} className="min-w-0">
      <h3
        className={`mb-1 flex items-center gap-1.5 font-medium ${kind === "gains" ? "text-good" : "text-danger"}`}
      >
        <Icon size={15} aria-hidden />
        {t(kind, { count: contacts.length })}
      </h3>
      <ul className="space-y-1">
        {groups.slice(0, GROUPS).map((group) => (
          <li key={group.from} className="min-w-0 text-sm">
            <Name id={group.from} className="font-medium" />
            <span aria-hidden> ↔ </span>
            {group.with.slice(0, NAMES).map((id, index) => (
              <span key={id}>
                {index > 0 && ", "}
                <Name id={id} />
              </span>
            ))}
            {group.with.length > NAMES && (
              <span className="text-muted">
                {" "}
                {t("more_names", { count: group.with.length - NAMES })}
              </span>
            )}
          </li>
        ))}
      </ul>
      {groups.length > GROUPS && (
        <p className="mt-1 text-muted">{t("more", { count: groups.length - GROUPS })}</p>
      )}
    </section>
  );
}
