/** Marks of a workspace beside its status: messages that wait for it, and what it asks people. */

import { Inbox, ShieldQuestion } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useWaitingApprovals } from "../store/approvals";
import { useReadOnly } from "../store/shown";
import { cx } from ".";

/** Larger numbers are not worth their room. */
const MOST = 99;

export const short = (count: number) => (count > MOST ? `${MOST}+` : String(count));

const MARK =
  "inline-flex shrink-0 items-center gap-1 rounded-full py-0.5 font-medium whitespace-nowrap tabular-nums";

interface MarkProps {
  count: number;
  /** With the size of its text; small unless given. */
  className?: string;
  /** Size of the icon in pixels. */
  size?: number;
  /** On the board, which has hints of its own. */
  board?: boolean;
}

const tip = (text: string, board: boolean | undefined) =>
  board ? { "data-hint": text } : { title: text };

/** How many messages wait for its agent; nothing when none does. */
export function QueueMark({ count, className = "px-1.5 text-xs", size = 12, board }: MarkProps) {
  const { t } = useTranslation();
  if (count <= 0) return null;
  const text = t("queue_depth", { count });
  return (
    <span
      data-testid="queue-depth"
      {...tip(text, board)}
      className={cx(MARK, "bg-busy-soft text-busy", className)}
    >
      <Inbox size={size} aria-hidden />
      <span aria-hidden>{short(count)}</span>
      <span className="sr-only">{text}</span>
    </span>
  );
}

/** How many approvals it waits for; nothing when none. */
export function ApprovalMark({ count, className = "px-1.5 text-xs", size = 12, board }: MarkProps) {
  const { t } = useTranslation();
  if (count <= 0) return null;
  const text = t("approvals_waiting", { count });
  return (
    <span
      data-testid="approval-mark"
      {...tip(text, board)}
      className={cx(MARK, "bg-warn-soft text-warn", className)}
    >
      <ShieldQuestion size={size} aria-hidden />
      <span aria-hidden>{short(count)}</span>
      <span className="sr-only">{text}</span>
    </span>
  );
}

/** Both. They are of the present alone. */
export function Marks({ id, depth, ...look }: MarksProps) {
  const approvals = useWaitingApprovals(id);
  const past = useReadOnly();
  if (past || (depth <= 0 && approvals === 0)) return null;
  return (
    <>
      <ApprovalMark count={approvals} {...look} />
      <QueueMark count={depth} {...look} />
    </>
  );
}

interface MarksProps extends Omit<MarkProps, "count"> {
  id: string;
  depth: number;
}
