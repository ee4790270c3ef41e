/** A status by colour, icon and text: never by colour alone. */

import {
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CircleOff,
  CirclePause,
  CircleX,
  Hourglass,
  type LucideIcon,
  Moon,
  Trash2,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import { cx } from ".";

interface Look {
  icon: LucideIcon;
  /** Text colour. */
  ink: string;
  /** Background behind that text. */
  soft: string;
  /** A CSS variable, for what is painted. */
  paint: string;
}

export const LOOK: Readonly<Record<Status, Look>> = {
  online: { icon: CircleCheck, ink: "text-good", soft: "bg-good-soft", paint: "--good" },
  degraded: { icon: CircleAlert, ink: "text-warn", soft: "bg-warn-soft", paint: "--warn" },
  offline: { icon: CircleOff, ink: "text-quiet", soft: "bg-quiet-soft", paint: "--quiet" },
  failed: { icon: CircleX, ink: "text-danger", soft: "bg-danger-soft", paint: "--danger" },
  provisioning: { icon: Hourglass, ink: "text-busy", soft: "bg-busy-soft", paint: "--busy" },
  awaiting_agent: { icon: CircleDashed, ink: "text-busy", soft: "bg-busy-soft", paint: "--busy" },
  paused: { icon: CirclePause, ink: "text-quiet", soft: "bg-quiet-soft", paint: "--quiet" },
  hibernating: { icon: Moon, ink: "text-quiet", soft: "bg-quiet-soft", paint: "--quiet" },
  hibernated: { icon: Moon, ink: "text-quiet", soft: "bg-quiet-soft", paint: "--quiet" },
  removed: { icon: Trash2, ink: "text-quiet", soft: "bg-quiet-soft", paint: "--quiet" },
};

export function StatusBadge({ status, className }: { status: Status; className?: string }) {
  const { t } = useTranslation();
  const look = LOOK[status] ?? LOOK.offline;
  return (
    <span
      data-status={status}
      className={cx(
        "inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        look.soft,
        look.ink,
        className,
      )}
    >
      <look.icon size={12} aria-hidden />
      {t(`status.${status}`)}
    </span>
  );
}
