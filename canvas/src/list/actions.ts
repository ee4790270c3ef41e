/** What can be done from the list. */

import { patchWorkspace } from "../api/calls";
import { arrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";

/** Folds or unfolds teams, as on the canvas. */
export function fold(ids: Iterable<string>, collapsed: boolean): void {
  const { org, tree } = useOrg.getState();
  const moves = [...ids]
    .filter((id) => org[id] && org[id].collapsed !== collapsed && tree.children[id]?.length)
    .map((id) => ({ id, from: { collapsed: !collapsed }, to: { collapsed } }));
  if (moves.length > 0) void arrange({ what: "collapsed", moves });
}

/** Gives a workspace another name; shows the old one again when the server refuses. */
export async function rename(id: string, name: string): Promise<void> {
  const before = useOrg.getState().org[id]?.name;
  if (before === undefined || name === "" || name === before) return;
  useOrg.getState().patch([{ id, change: { name } }]);
  try {
    await patchWorkspace(id, { name });
  } catch (error) {
    useOrg.getState().patch([{ id, change: { name: before } }]);
    notify.failed(error);
  }
}
