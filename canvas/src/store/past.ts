/** Time travel: the organisation as it was, in place of the one that is. */

import { create } from "zustand";
import * as api from "../api/calls";
import type { Workspace } from "../api/types";
import { type Org, orgOf } from "../model/org";
import { type Boxes, place } from "../model/placement";
import { type Tree, treeOf } from "../model/tree";
import { useOrg } from "./org";
import { notify } from "./toasts";

/** Past organisations that were read lately. */
const KEPT = 16;

export interface Moment {
  at: number;
  org: Org;
  tree: Tree;
  boxes: Boxes;
}

export interface PastState {
  /** What is shown instead of the present; `null`: the present. */
  moment: Moment | null;
  /** The moment that is being read, in milliseconds of Unix time. */
  wanted: number | null;
  /** Goes to `at`; of several calls in a row the last one wins. */
  go(at: number): Promise<void>;
  /** Back to the present. */
  live(): void;
}

const cache = new Map<number, readonly Workspace[]>();

export const usePast = create<PastState>((set, get) => ({
  moment: null,
  wanted: null,
  async go(at) {
    set({ wanted: at });
    try {
      const list = await read(at);
      if (get().wanted !== at) return;
      set({ moment: momentOf(at, list), wanted: null });
    } catch (error) {
      if (get().wanted !== at) return;
      set({ wanted: null });
      notify.failed(error);
    }
  },
  live: () => set({ moment: null, wanted: null }),
}));

/** The organisation at a moment, from memory where it was read lately. */
export async function read(at: number): Promise<readonly Workspace[]> {
  const known = cache.get(at);
  if (known) return known;
  const list = await api.listWorkspacesAt(new Date(at));
  cache.set(at, list);
  const oldest = cache.keys().next();
  if (cache.size > KEPT && !oldest.done) cache.delete(oldest.value);
  return list;
}

/** Events say nothing of positions: those who are still here lie where they lie now. */
function momentOf(at: number, list: readonly Workspace[]): Moment {
  const now = useOrg.getState().org;
  const org = orgOf(
    list.map((was) => {
      const is = now[was.id];
      const here = is !== undefined && is.parent_id === was.parent_id;
      return here ? { ...was, x: is.x, y: is.y, collapsed: is.collapsed } : was;
    }),
  );
  const tree = treeOf(org);
  return { at, org, tree, boxes: place(org, tree) };
}
