/** Who is meant by the search and the filter. */

import { useMemo } from "react";
import type { Status, Workspace } from "../api/types";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useView } from "../store/view";

/** Whether a workspace fits; the search is lower case already. */
export function fits(workspace: Workspace, search: string, statuses: ReadonlySet<Status>): boolean {
  if (statuses.size > 0 && !statuses.has(workspace.status)) return false;
  if (search === "") return true;
  return [workspace.name, workspace.role ?? "", workspace.id, workspace.current_task].some((text) =>
    text.toLowerCase().includes(search),
  );
}

/** Returns whether a workspace is left out; always the same function while nothing is asked. */
export function useDimmed(): (id: string) => boolean {
  const search = useView((view) => view.search.trim().toLowerCase());
  const statuses = useView((view) => view.statuses);
  return useMemo(() => {
    if (search === "" && statuses.size === 0) return () => false;
    return (id: string) => {
      const workspace = usePast.getState().moment?.org[id] ?? useOrg.getState().org[id];
      return workspace !== undefined && !fits(workspace, search, statuses);
    };
  }, [search, statuses]);
}

/** What a search and a filter make of one workspace; `null` while nothing is asked. */
export function useMatch(workspace: Workspace | undefined): "found" | "left_out" | null {
  const search = useView((view) => view.search.trim().toLowerCase());
  const statuses = useView((view) => view.statuses);
  if (workspace === undefined) return null;
  if (!fits(workspace, search, statuses)) return "left_out";
  return search === "" ? null : "found";
}
