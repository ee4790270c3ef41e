/** What agents may do only when a person agrees. */

import { CheckCheck } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Approval } from "../api/talk";
import { Notice } from "../kit";
import { Failed } from "../panel/parts";
import { LISTED, readApprovals, useApprovals } from "../store/approvals";
import { Decide, type Deciding } from "./approvals/Decide";
import { Request } from "./approvals/Request";
import { Page } from "./parts";

export function ApprovalsPage() {
  const { t } = useTranslation("approvals");
  const { list, ready, error } = useApprovals();
  const [deciding, setDeciding] = useState<Deciding | null>(null);
  const top = useRef<HTMLHeadingElement>(null);
  const decide = (approval: Approval, decision: Deciding["decision"]) =>
    setDeciding({ approval, decision });
  return (
    <Page title={t("title")} lead={t("lead")}>
      <h2 ref={top} tabIndex={-1} className="mb-3 text-base font-semibold outline-none">
        {t("waiting", {
          count: list.length,
          shown: list.length >= LISTED ? `${LISTED}+` : list.length,
        })}
      </h2>
      {error !== undefined && <Failed error={error} retry={() => void readApprovals()} />}
      {ready && list.length === 0 && error === undefined && (
        <Notice title={t("none_title")}>
          <CheckCheck size={28} aria-hidden className="mx-auto text-good" />
          <p>{t("none_text")}</p>
        </Notice>
      )}
      <ul aria-label={t("list")} className="space-y-4">
        {list.map((approval) => (
          <Request key={approval.id} approval={approval} onDecide={decide} />
        ))}
      </ul>
      <Decide
        deciding={deciding}
        // What was decided is gone, and its buttons with it: the focus goes to the list.
        onClose={(gone) => {
          setDeciding(null);
          if (gone) requestAnimationFrame(() => top.current?.focus());
        }}
      />
    </Page>
  );
}
