/** Forwarding, deleting, and purging after the name was typed. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { deleteWorkspace } from "../../api/calls";
import type { Workspace } from "../../api/types";
import { Button, Dialog, Field } from "../../kit";
import { descendants } from "../../model/tree";
import { useOrg } from "../../store/org";
import { useView } from "../../store/view";
import { Section } from "../parts";
import { close } from "../window";

export function Danger({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  const set = useView((view) => view.set);
  const [purging, setPurging] = useState(false);
  const { id } = workspace;
  return (
    <Section title={t("danger")}>
      <div className="divide-y divide-line rounded-lg border border-danger">
        <Step text={t("forward_text")}>
          <Button onClick={() => set({ forwarding: id })}>{t("forward")}</Button>
        </Step>
        <Step text={t("delete_text")}>
          <Button onClick={() => set({ removing: [id] })}>{t("delete")}</Button>
        </Step>
        <Step text={t("purge_text")}>
          <Button look="danger" onClick={() => setPurging(true)}>
            {t("purge")}
          </Button>
        </Step>
      </div>
      {purging && <Purge workspace={workspace} onClose={() => setPurging(false)} />}
    </Section>
  );
}

function Step({ text, children }: { text: string; children: React.ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 p-3">
      <p className="min-w-40 flex-1 text-muted">{text}</p>
      {children}
    </div>
  );
}

function Purge({ workspace, onClose }: { workspace: Workspace; onClose(): void }) {
  const { t } = useTranslation("panel");
  const { t: common } = useTranslation();
  const tree = useOrg((state) => state.tree);
  const below = descendants(tree, workspace.id).length;
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // Some names cannot be typed; every id can.
  const sure = typed === workspace.name || typed === workspace.id;
  const purge = async () => {
    setBusy(true);
    try {
      await deleteWorkspace(workspace.id, true);
      onClose();
      close(workspace.id);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("purge_title")}
      description={`${t("purge_explained")} ${t("purge_below", { count: below })}`}
      footer={
        <>
          <Button onClick={onClose}>{common("cancel")}</Button>
          <Button look="danger" disabled={!sure || busy} onClick={() => void purge()}>
            {t("purge_now")}
          </Button>
        </>
      }
    >
      <p className="mb-3 rounded-md bg-raised p-2 [overflow-wrap:anywhere]">
        <bdi dir="auto" className="font-semibold">
          {workspace.name}
        </bdi>
        <code className="block font-mono text-xs text-muted">{workspace.id}</code>
      </p>
      <Field
        label={t("purge_type")}
        dir="auto"
        value={typed}
        autoComplete="off"
        error={error || undefined}
        onChange={(event) => setTyped(event.target.value)}
      />
    </Dialog>
  );
}
