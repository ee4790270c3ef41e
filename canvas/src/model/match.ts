/** Who is meant by a search and a filter: on the board and in the list the same. Pure. */

import type { Status, Workspace } from "../api/types";

/** Every word must be somewhere in the texts of a workspace; no status given means every status. */
export function matcher(
  search: string,
  statuses: ReadonlySet<Status>,
): (workspace: Workspace) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return (workspace) => {
    if (statuses.size > 0 && !statuses.has(workspace.status)) return false;
    if (words.length === 0) return true;
    const { name, role, id, runtime, current_task } = workspace;
    const text = `${name}\n${role ?? ""}\n${id}\n${runtime}\n${current_task}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}
