/** Messages that wait are told live only: after an interruption their numbers are read again. */

import { listWorkspaces } from "../api/calls";
import { type Change, useOrg } from "../store/org";
import { onReturn } from "./again";

/** Follows; returns how to stop. */
export function followDepths(): () => void {
  return onReturn(() => {
    // Numbers that are old for a while are not worth a notice; the next message tells them, too.
    void read().catch(() => {});
  });
}

async function read(): Promise<void> {
  const { workspaces } = await listWorkspaces();
  const { org, patch } = useOrg.getState();
  const changes: Change[] = [];
  for (const { id, queue_depth: depth = 0 } of workspaces) {
    const known = org[id];
    if (known && (known.queue_depth ?? 0) !== depth) {
      changes.push({ id, change: { queue_depth: depth } });
    }
  }
  if (changes.length > 0) patch(changes);
}
