import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { deleteSecret } from "../../api/calls";
import { Button, Dialog } from "../../kit";

interface RemoveProps {
  scope: string | null;
  /** The secret that somebody wants deleted; `null`: none. */
  name: string | null;
  onClose(): void;
  onRemoved(): void;
}

export function Remove({ scope, name, onClose, onRemoved }: RemoveProps) {
  const { t } = useTranslation("panel");
  const { t: common } = useTranslation();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another secret, another try.
  useEffect(() => setError(""), [name]);
  const remove = async () => {
    if (name === null) return;
    setBusy(true);
    try {
      await deleteSecret(scope, name);
      onRemoved();
      onClose();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={name !== null}
      onClose={onClose}
      title={t("delete_secret", { name })}
      description={t(scope === null ? "delete_global_text" : "delete_own_text")}
      footer={
        <>
          <Button onClick={onClose}>{common("cancel")}</Button>
          <Button look="danger" disabled={busy} onClick={() => void remove()}>
            {t("delete_now")}
          </Button>
        </>
      }
    >
      {error && (
        <p role="alert" className="break-words text-danger">
          {error}
        </p>
      )}
    </Dialog>
  );
}
