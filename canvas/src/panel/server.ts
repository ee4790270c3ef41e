/** What tabs must know of the server beside the organisation. */

import { useCallback, useEffect } from "react";
import { info, supervision } from "../api/calls";
import type { ChildReport, Info } from "../api/types";
import { useLoad } from "../kit/load";
import { onEvent } from "../live/follow";

/** Version, liveness limit and features; `undefined` until they are known. */
export function useInfo(): Info | undefined {
  return useLoad("info", info).data;
}

/** The id of a failing workspace, which its path in the tree ends with. */
export const idOf = (report: ChildReport): string => report.child.split("/").at(-1) ?? "";

/** Whether the workspace's actor is quarantined, and a function that reads it anew. */
export function useQuarantined(id: string): [boolean, () => void] {
  const { data, reload } = useLoad(`quarantine ${id}`, supervision);
  useEffect(
    () =>
      onEvent((event) => {
        const tells =
          event.event === "WORKSPACE_QUARANTINED" || event.event === "WORKSPACE_RELEASED";
        if (tells && event.workspace_id === id) reload();
      }),
    [id, reload],
  );
  const found = data?.workspaces.failing.find((report) => idOf(report) === id);
  return [found?.state === "quarantined", useCallback(() => reload(), [reload])];
}
