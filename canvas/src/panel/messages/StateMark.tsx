import {
  Ban,
  CheckCheck,
  CircleDashed,
  CircleX,
  Clock,
  Hourglass,
  type LucideIcon,
  Timer,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "../../kit";

const LOOK = {
  queued: [Clock, "bg-warn-soft text-warn"],
  dispatched: [Hourglass, "bg-busy-soft text-busy"],
  pending: [CircleDashed, "bg-busy-soft text-busy"],
  delivered: [CheckCheck, "bg-good-soft text-good"],
  completed: [CheckCheck, "bg-good-soft text-good"],
  failed: [CircleX, "bg-danger-soft text-danger"],
  expired: [Timer, "bg-danger-soft text-danger"],
  cancelled: [Ban, "bg-quiet-soft text-quiet"],
} as const satisfies Record<string, readonly [LucideIcon, string]>;

const isKnown = (state: string): state is keyof typeof LOOK => Object.hasOwn(LOOK, state);

/** How a message or a delegation stands: by colour, icon and text. */
export function StateMark({ state }: { state: string }) {
  const { t } = useTranslation("messages");
  const known = isKnown(state) ? state : "pending";
  const [Icon, look] = LOOK[known];
  return (
    <span
      data-state={state}
      className={cx(
        "inline-flex shrink-0 items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        look,
      )}
    >
      <Icon size={12} aria-hidden />
      {isKnown(state) ? t(`state.${state}`) : <bdi className="max-w-24 truncate">{state}</bdi>}
    </span>
  );
}
