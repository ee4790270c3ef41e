/** Since when agents are being started, as far as it was seen here. */

import { changeOf } from "../model/org";
import { onEvent } from "./follow";

/** Of those that start now: whoever is there, or has failed, is forgotten. */
const starts = new Map<string, number>();

onEvent((event) => {
  const status = event.event === "WORKSPACE_REMOVED" ? "removed" : changeOf(event)?.status;
  if (status === undefined) return;
  if (status === "provisioning") starts.set(event.workspace_id, Date.parse(event.timestamp));
  else starts.delete(event.workspace_id);
});

/** In milliseconds; `undefined` when it began before the page was opened. */
export const startedAt = (id: string): number | undefined => starts.get(id);
