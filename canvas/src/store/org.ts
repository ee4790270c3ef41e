/** The organisation in memory: one writer (the live follower), many readers. */

import { create } from "zustand";
import type { LiveEvent, Workspace } from "../api/types";
import { apply, type Org, orgOf } from "../model/org";
import { type Boxes, place } from "../model/placement";
import { type Tree, treeOf } from "../model/tree";

/** Events kept for those who look at a stream, newest first. */
const KEPT = 200;

export interface Change {
  id: string;
  change: Partial<Workspace>;
}

export interface OrgState {
  org: Org;
  tree: Tree;
  boxes: Boxes;
  /** The last recorded event that is in `org`. */
  seq: number;
  /** Whether the list was read once. */
  ready: boolean;
  /** Recorded events since the page was opened, newest first; at most 200. */
  recent: readonly LiveEvent[];
  /** Replaces everything: the list, and the sequence at which it was read. */
  hydrate(list: readonly Workspace[], seq: number): void;
  /** Applies events in order; returns workspaces that must be read. */
  receive(events: readonly LiveEvent[]): ReadonlySet<string>;
  /** Adds or replaces workspaces that were read. */
  put(workspaces: readonly Workspace[]): void;
  /** Changes workspaces here before the server has answered. */
  patch(changes: readonly Change[]): void;
  /** Forgets a workspace that the server does not know. */
  forget(id: string): void;
}

const NONE = treeOf({});

export const useOrg = create<OrgState>((set, get) => ({
  org: {},
  tree: NONE,
  boxes: {},
  seq: 0,
  ready: false,
  recent: [],

  hydrate(list, seq) {
    set({ ...derived(orgOf(list)), seq, ready: true });
  },

  receive(events) {
    const state = get();
    const applied = apply(state.org, events);
    const recorded = events.filter((event) => event.seq !== undefined);
    set({
      ...(applied.moved ? derived(applied.org) : { org: applied.org }),
      seq: applied.seq ?? state.seq,
      ...(recorded.length > 0
        ? { recent: [...recorded.reverse(), ...state.recent].slice(0, KEPT) }
        : {}),
    });
    return applied.unknown;
  },

  put(workspaces) {
    set((state) => derived({ ...state.org, ...orgOf(workspaces) }));
  },

  patch(changes) {
    const org = { ...get().org };
    for (const { id, change } of changes) {
      const before = org[id];
      if (before !== undefined) org[id] = { ...before, ...change };
    }
    set(derived(org));
  },

  forget(id) {
    set((state) => {
      const { [id]: _, ...rest } = state.org;
      return derived(rest);
    });
  },
}));

function derived(org: Org) {
  const tree = treeOf(org);
  return { org, tree, boxes: place(org, tree) };
}

/** One workspace, or `undefined`. Re-renders only when it changes. */
export const useWorkspace = (id: string | null | undefined) =>
  useOrg((state) => (id ? state.org[id] : undefined));
