import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { forwardWorkspace } from "../api/calls";
import { ApiError } from "../api/http";
import { Button, Dialog } from "../kit";
import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { short } from "./Name";
import { Picker } from "./Picker";

/** Retires a workspace in favour of another. */
export function Forward({ id }: { id: string }) {
  const { t } = useTranslation(["dialogs", "common"]);
  const name = useOrg((state) => state.org[id]?.name) ?? id;
  const members = useOrg((state) => state.tree.children[id]?.length ?? 0);
  const [to, setTo] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<{ field: string; text: string } | null>(null);
  const allowed = useCallback((one: string) => one !== id, [id]);
  const close = () => !busy && useView.getState().set({ forwarding: null });

  const forward = async () => {
    if (!to) return;
    setBusy(true);
    setRefused(null);
    try {
      await forwardWorkspace(id, to);
      const successor = useOrg.getState().org[to]?.name ?? to;
      notify.info(t("forwarded", { name: short(name), to: short(successor) }));
      const view = useView.getState();
      view.set({ forwarding: null });
      view.select([to]);
      go(pathOf(to));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      setRefused({ field: error instanceof ApiError ? error.field : "", text });
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={close}
      title={t("forward_title", { name: short(name) })}
      description={t("forward_text")}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button look="danger" disabled={busy || !to} onClick={() => void forward()}>
            {t("forward_button")}
          </Button>
        </>
      }
    >
      {members > 0 && (
        <p className="mb-3 rounded-md bg-warn-soft px-3 py-2 text-warn">
          {t("forward_team", { count: members })}
        </p>
      )}
      <Picker
        label={t("successor")}
        value={to}
        onChange={setTo}
        allowed={allowed}
        autoFocus
        error={refused?.field === "to" ? refused.text : undefined}
      />
      {refused && refused.field !== "to" && (
        <p role="alert" className="mt-3 break-words text-danger">
          {refused.text}
        </p>
      )}
    </Dialog>
  );
}
