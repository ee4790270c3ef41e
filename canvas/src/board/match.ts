/** Who a search or filter leaves out, for the board. */

import { useMemo } from "react";
import type { Workspace } from "../api/types";
import { matcher } from "../model/match";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useView } from "../store/view";

function useMatcher() {
  const search = useView((view) => view.search);
  const statuses = useView((view) => view.statuses);
  return useMemo(() => matcher(search, statuses), [search, statuses]);
}

/** Returns whether a workspace is left out; the same function until something else is asked. */
export function useDimmed(): (id: string) => boolean {
  const fits = useMatcher();
  return useMemo(
    () => (id: string) => {
      const workspace = usePast.getState().moment?.org[id] ?? useOrg.getState().org[id];
      return workspace !== undefined && !fits(workspace);
    },
    [fits],
  );
}

/** What a search and a filter make of one workspace; `null` while nothing is asked. */
export function useMatch(workspace: Workspace | undefined): "found" | "left_out" | null {
  const fits = useMatcher();
  const asked = useView((view) => view.search.trim() !== "");
  if (workspace === undefined) return null;
  if (!fits(workspace)) return "left_out";
  return asked ? "found" : null;
}
