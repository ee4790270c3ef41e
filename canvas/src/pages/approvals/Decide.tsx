import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/http";
import { type Approval, decideApproval } from "../../api/talk";
import { isolated } from "../../dialogs/Name";
import { Button, Dialog } from "../../kit";
import { Said } from "../../panel/parts";
import { readApprovals } from "../../store/approvals";
import { notify } from "../../store/toasts";

export interface Deciding {
  approval: Approval;
  decision: "approved" | "denied";
}

interface DecideProps {
  deciding: Deciding | null;
  /** `gone`: it does not wait any more. */
  onClose(gone: boolean): void;
}

/** Asks once more before a decision is made: it cannot be taken back. */
export function Decide({ deciding, onClose }: DecideProps) {
  const { t } = useTranslation(["approvals", "common"]);
  // The last one is shown while the dialog closes.
  const [shown, setShown] = useState(deciding);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (deciding) setShown(deciding);
    setError("");
  }, [deciding]);
  if (!shown) return null;
  const { approval, decision } = shown;
  const yes = decision === "approved";
  const decide = async () => {
    setBusy(true);
    setError("");
    try {
      const {
        status,
        approvals = 0,
        approvals_required: needed = 1,
      } = await decideApproval(approval.workspace_id, approval.id, decision);
      const more = status === "pending";
      notify.info(
        more ? t("counted", { approvals, count: needed }) : t(yes ? "approved" : "denied"),
      );
      await readApprovals();
      onClose(!more);
    } catch (failure) {
      const elsewhere = failure instanceof ApiError && failure.status === 404;
      setError(elsewhere ? t("elsewhere") : reasonOf(failure));
      await readApprovals();
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={deciding !== null}
      onClose={() => onClose(error !== "")}
      title={t(yes ? "approve_title" : "deny_title", {
        name: isolated(approval.workspace_name),
      })}
      description={t(yes ? "approve_text" : "deny_text")}
      footer={
        <>
          <Button onClick={() => onClose(error !== "")}>
            {t(error ? "common:close" : "common:cancel")}
          </Button>
          <Button
            // Enter is enough: the dialog was asked for.
            autoFocus
            look={yes ? "primary" : "danger"}
            disabled={busy}
            onClick={() => void decide()}
          >
            {t(yes ? "approve" : "deny")}
          </Button>
        </>
      }
    >
      <p className="max-h-48 overflow-y-auto font-medium">
        <Said text={approval.action} />
      </p>
      {error && (
        <p role="alert" className="mt-3 rounded-md bg-danger-soft p-2 break-words text-danger">
          {error}
        </p>
      )}
    </Dialog>
  );
}

const reasonOf = (failure: unknown) =>
  failure instanceof Error ? failure.message : String(failure);
