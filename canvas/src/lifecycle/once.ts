/** What is done without a question. */

import { stopAgent } from "../api/calls";
import * as api from "../api/lifecycle";
import { show } from "../create/created";
import { short } from "../dialogs/Name";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import type { Action } from "./actions";
import { download, fileName } from "./download";
import { tell } from "./texts";

/** Starts one that hibernates, as a message would. */
export async function wake(id: string): Promise<void> {
  try {
    await api.restart(id);
    notify.info(tell("waking", { name: short(useOrg.getState().org[id]?.name ?? id) }));
  } catch (error) {
    notify.failed(error);
  }
}

export async function once(action: Action, id: string): Promise<void> {
  const full = useOrg.getState().org[id]?.name ?? id;
  const name = short(full);
  try {
    switch (action) {
      case "stop":
        await stopAgent(id);
        return notify.info(tell("stopped", { name }));
      case "resume": {
        const { resumed_count: count } = await api.resume(id);
        return notify.info(tell("resumed", { name, count }));
      }
      case "export":
        return download(await api.exportBundle(id), fileName(full, ".bundle.json"));
      case "duplicate": {
        notify.info(tell("duplicating", { name }));
        const made = await api.duplicate(id);
        if (made.error)
          return notify.failed(new Error(tell("half_duplicated", { name, why: made.error })));
        notify.info(tell("duplicated", { name }));
        await show(made.workspace_id);
        return;
      }
      default:
    }
  } catch (error) {
    notify.failed(error);
  }
}
