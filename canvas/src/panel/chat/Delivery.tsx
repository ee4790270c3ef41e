/** How a message stands: by icon and text, and what can be done about it. */

import {
  Ban,
  CheckCheck,
  CircleHelp,
  CircleX,
  Clock,
  Hourglass,
  type LucideIcon,
  RotateCw,
  Send,
  Timer,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "../../kit";
import { useWorkspace } from "../../store/org";
import { Said } from "../parts";
import type { Delivery, Phase } from "./model";
import { cancel, retry } from "./store";

const LOOK: Readonly<Record<Phase, { icon: LucideIcon; ink: string }>> = {
  sending: { icon: Send, ink: "text-muted" },
  with_agent: { icon: Hourglass, ink: "text-busy" },
  waiting: { icon: Clock, ink: "text-warn" },
  delivered: { icon: CheckCheck, ink: "text-good" },
  failed: { icon: CircleX, ink: "text-danger" },
  expired: { icon: Timer, ink: "text-danger" },
  cancelled: { icon: Ban, ink: "text-quiet" },
  interrupted: { icon: CircleHelp, ink: "text-warn" },
};

const AGAIN: readonly Phase[] = ["failed", "expired", "cancelled", "interrupted"];

interface Props {
  id: string;
  message: string;
  delivery: Delivery;
}

export function DeliveryMark({ id, message, delivery }: Props) {
  const { t } = useTranslation("panel");
  const depth = useWorkspace(id)?.queue_depth ?? 0;
  const { phase, reason, messageId } = delivery;
  const { icon: Icon, ink } = LOOK[phase];
  const text =
    phase === "waiting" && depth > 0
      ? t("delivery.in_line", { count: depth })
      : t(`delivery.${phase}`);
  return (
    <div className="mt-1 text-xs" data-testid="delivery" data-phase={phase}>
      <div className="flex flex-wrap items-center gap-x-2">
        <span className={cx("inline-flex min-h-6 items-center gap-1 font-medium", ink)}>
          <Icon size={13} aria-hidden className="shrink-0" />
          {text}
        </span>
        {phase === "waiting" && messageId && (
          <Act label={t("cancel_message")} onClick={() => cancel(id, messageId)}>
            <Ban size={12} aria-hidden />
          </Act>
        )}
        {AGAIN.includes(phase) && (
          <Act label={t("send_again")} onClick={() => retry(id, message)}>
            <RotateCw size={12} aria-hidden />
          </Act>
        )}
      </div>
      {reason && phase !== "delivered" && (
        <p className="line-clamp-3 text-muted" title={reason}>
          <Said text={reason} />
        </p>
      )}
    </div>
  );
}

function Act(props: { label: string; onClick(): Promise<void>; children: React.ReactNode }) {
  return (
    <button
      type="button"
      onClick={() => void props.onClick()}
      className="inline-flex min-h-6 items-center gap-1 rounded px-1 text-ink underline underline-offset-2 hover:bg-raised"
    >
      {props.children}
      {props.label}
    </button>
  );
}
