/** Why a workspace is not there, from its status and its newest events. Pure. */

import type { RecordedEvent, Status } from "../api/types";
import { recordOf, textOf, textsOf } from "../panel/safe";

export type Standing =
  | { kind: "starting"; reason: string }
  | { kind: "failed"; error: string; missing: readonly string[] }
  | { kind: "paused" | "hibernating" | "hibernated" };

/** `newest`: events that tell a status, newest first. */
export function standingOf(
  status: Status,
  sample: string,
  newest: readonly RecordedEvent[],
): Standing | null {
  switch (status) {
    case "provisioning": {
      const payload = payloadOf(newest, "WORKSPACE_PROVISIONING");
      return { kind: "starting", reason: textOf(payload.reason) };
    }
    case "failed": {
      const payload = payloadOf(newest, "WORKSPACE_PROVISION_FAILED");
      return {
        kind: "failed",
        error: sample || textOf(payload.error),
        missing: textsOf(payload.missing),
      };
    }
    case "paused":
    case "hibernating":
    case "hibernated":
      return { kind: status };
    default:
      return null;
  }
}

/** Of the newest event, if it is of that type: an older one tells of another time. */
function payloadOf(newest: readonly RecordedEvent[], type: string): Record<string, unknown> {
  const [last] = newest;
  return last?.event_type === type ? recordOf(last.payload) : {};
}

/** Reasons with words of their own; any other is shown as it is. */
export const REASONS = ["secret_changed", "restart", "crashed", "woken", "resumed"] as const;
export const reasonText = (reason: string) => REASONS.find((one) => one === reason);
