/** Takes a team out of the organisation, after showing who goes and what with their work happens. */

import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import * as api from "../api/lifecycle";
import { cascade } from "../dialogs/cascade";
import { short } from "../dialogs/Name";
import { Button, Dialog } from "../kit";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { Outcomes } from "./Outcomes";
import { answered } from "./state";

export function Dissolve({ id }: { id: string }) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const name = short(useOrg((state) => state.org[id]?.name) ?? id);
  const tree = useOrg((state) => state.tree);
  const going = useMemo(() => cascade(tree, tree.children[id] ?? []), [tree, id]);
  const busyOnes = useOrg(
    ({ org }) => going.filter((one) => (org[one.id]?.active_tasks ?? 0) > 0).length,
  );
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const dissolve = async () => {
    setBusy(true);
    setWhy("");
    try {
      const { handovers = [] } = await api.collapse(id);
      notify.info(t("dissolved", { name }));
      if (handovers.length === 0) return answered();
      setLeft(handovers);
      setBusy(false);
    } catch (error) {
      setWhy(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const [left, setLeft] = useState<readonly api.HandOver[] | null>(null);
  const close = () => !busy && answered();
  if (left) return <Left name={name} left={left} onClose={close} />;
  return (
    <Dialog
      open
      onClose={close}
      title={t("dissolve_title", { name })}
      description={t("dissolve_text", { count: going.length })}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button
            look="danger"
            disabled={busy || going.length === 0}
            onClick={() => void dissolve()}
          >
            {t(busy ? "dissolving" : "dissolve", { count: going.length })}
          </Button>
        </>
      }
    >
      <Outcomes all={going} outcomes={{}} roots={going.length} />
      {busyOnes > 0 && (
        <p className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-warn">
          {t("dissolve_busy", { count: busyOnes })}
        </p>
      )}
      <p className="mt-3 text-muted">{t("dissolve_handover", { name })}</p>
      <p className="mt-2 text-muted">{t("dissolve_not_fold")}</p>
      {why && (
        <p role="alert" className="mt-3 break-words text-danger">
          {why}
        </p>
      )}
    </Dialog>
  );
}

interface LeftProps {
  name: string;
  left: readonly api.HandOver[];
  onClose(): void;
}

/** What those that went have left. */
function Left({ name, left, onClose }: LeftProps) {
  const { t } = useTranslation(["lifecycle", "common"]);
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("handed_title", { count: left.length })}
      description={t("handed_text", { name })}
      footer={
        <Button look="primary" onClick={onClose}>
          {t("common:close")}
        </Button>
      }
    >
      <ul className="max-h-60 divide-y divide-line overflow-y-auto">
        {left.map((one) => (
          <li key={one.id} className="min-w-0 py-1.5">
            <bdi dir="auto" className="block truncate font-medium">
              {one.name}
            </bdi>
            {one.file ? (
              <code className="font-mono text-xs [overflow-wrap:anywhere]">{one.file}</code>
            ) : (
              <span className="text-danger [overflow-wrap:anywhere]">
                {t("handed_none", { why: one.error ?? "" })}
              </span>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
