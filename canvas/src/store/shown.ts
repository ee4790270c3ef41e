/** What views show: the organisation that is, or while travelling in time the one that was. */

import type { Workspace } from "../api/types";
import type { Org } from "../model/org";
import type { Boxes } from "../model/placement";
import type { Tree } from "../model/tree";
import { useOrg } from "./org";
import { usePast } from "./past";

export function useShownWorkspace(id: string | null | undefined): Workspace | undefined {
  const was = usePast((past) => (id && past.moment ? past.moment.org[id] : undefined));
  const is = useOrg((state) => (id ? state.org[id] : undefined));
  return usePast((past) => past.moment !== null) ? was : is;
}

/** Changes with every event: use it where everything is listed, not in single nodes. */
export function useShownOrg(): Org {
  const now = useOrg((state) => state.org);
  return usePast((past) => past.moment?.org) ?? now;
}

export function useShownTree(): Tree {
  const now = useOrg((state) => state.tree);
  return usePast((past) => past.moment?.tree) ?? now;
}

export function useShownBoxes(): Boxes {
  const now = useOrg((state) => state.boxes);
  return usePast((past) => past.moment?.boxes) ?? now;
}

/** The past cannot be changed. */
export const useReadOnly = () => usePast((past) => past.moment !== null);
