import { CircleCheck, CircleOff, OctagonAlert, RotateCcw } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ChildReport } from "../../api/types";
import { cx } from "../../kit";

const LOOKS = {
  running: { icon: CircleCheck, ink: "text-good" },
  restarting: { icon: RotateCcw, ink: "text-warn" },
  quarantined: { icon: OctagonAlert, ink: "text-danger" },
  stopped: { icon: CircleOff, ink: "text-danger" },
} as const;

export function State({ state }: { state: ChildReport["state"] }) {
  const { t } = useTranslation("pages");
  const { icon: Icon, ink } = LOOKS[state] ?? LOOKS.stopped;
  return (
    <span className={cx("inline-flex items-center gap-1 whitespace-nowrap", ink)}>
      <Icon size={13} aria-hidden />
      {t(`child_state.${state}`)}
    </span>
  );
}
