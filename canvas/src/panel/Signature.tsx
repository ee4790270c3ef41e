/** Whether somebody who is trusted vouches for a card: by icon and text, never by colour alone. */

import { type LucideIcon, ShieldAlert, ShieldCheck, ShieldOff, ShieldQuestion } from "lucide-react";
import { useTranslation } from "react-i18next";
import { getWorkspace } from "../api/calls";
import type { AgentCard, CardSignature } from "../api/types";
import { cx } from "../kit";
import { useLoad } from "../kit/load";
import { useReadOnly } from "../store/shown";
import { Fact, Said } from "./parts";

interface Look {
  icon: LucideIcon;
  /** Text colour. */
  ink: string;
}

const LOOK: Readonly<Record<CardSignature["state"], Look>> = {
  verified: { icon: ShieldCheck, ink: "text-good" },
  untrusted: { icon: ShieldQuestion, ink: "text-warn" },
  invalid: { icon: ShieldAlert, ink: "text-danger" },
  unsigned: { icon: ShieldOff, ink: "text-quiet" },
};

/**
 * `known` is null for a card that came with an event: then the server is asked, which knows the
 * present only.
 */
export function Signature(props: { id: string; card: AgentCard; known: CardSignature | null }) {
  const { id, card, known } = props;
  const past = useReadOnly();
  if (known !== null) return <Shown signature={known} />;
  return past ? null : <Asked key={JSON.stringify(card)} id={id} />;
}

function Asked({ id }: { id: string }) {
  const { data } = useLoad(`signature ${id}`, () => getWorkspace(id));
  return data?.card_signature ? <Shown signature={data.card_signature} /> : null;
}

function Shown({ signature }: { signature: CardSignature }) {
  const { t } = useTranslation("panel");
  const look = LOOK[signature.state] ?? LOOK.untrusted;
  return (
    <Fact label={t("signature")}>
      <span
        data-signature={signature.state}
        className={cx("inline-flex items-center gap-1 font-medium", look.ink)}
      >
        <look.icon size={14} aria-hidden />
        {t(`signature_state.${signature.state}`)}
      </span>
      {signature.kid && (
        <span className="block text-xs text-muted">
          {t("signature_key")} <Said text={signature.kid} className="font-mono" />
        </span>
      )}
    </Fact>
  );
}
