import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { startRotation } from "../../api/calls";
import type { KeysStatus, RotationJob } from "../../api/types";
import { Button, Dialog } from "../../kit";

interface ConfirmProps {
  kind: RotationJob["kind"] | null;
  status: KeysStatus;
  onClose(): void;
  onStarted(): void;
}

/** Says what a rotation does and what it costs, before it is started. */
export function Confirm({ kind, status, onClose, onStarted }: ConfirmProps) {
  const { t } = useTranslation("pages");
  const { t: common } = useTranslation();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another kind, another try.
  useEffect(() => setError(""), [kind]);
  const one = kind ?? "rewrap";
  const seeds = status.seeds.reduce((sum, wrapped) => sum + wrapped.seeds, 0);
  const elsewhere = status.seeds.reduce((sum, w) => sum + (w.current ? 0 : w.seeds), 0);
  const values = Object.values(status.values).reduce((sum, count) => sum + count, 0);
  const start = async () => {
    setBusy(true);
    try {
      await startRotation(one);
      onClose();
      onStarted();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={kind !== null}
      onClose={onClose}
      title={t(`confirm.${one}.title`)}
      description={t(`confirm.${one}.what`)}
      footer={
        <>
          <Button onClick={onClose}>{common("cancel")}</Button>
          <Button look="primary" disabled={busy} onClick={() => void start()}>
            {t(`confirm.${one}.start`)}
          </Button>
        </>
      }
    >
      <ul className="list-disc space-y-1 pl-5">
        <li>{t(`confirm.${one}.cost`, { seeds, elsewhere, values })}</li>
        {status.provider === "kms" && <li>{t(`confirm.${one}.kms`)}</li>}
        <li>{t("confirm.beside")}</li>
        <li>{t("confirm.interrupted")}</li>
        {one === "reseed" && <li>{t("confirm.older_servers")}</li>}
      </ul>
      {error && (
        <p role="alert" className="mt-3 break-words text-danger">
          {error}
        </p>
      )}
    </Dialog>
  );
}
