/**
 * Arrangement: where nodes lie, what is collapsed and who reports to whom. Every step is shown at
 * once, sent to the server, taken back when it refuses, and can be undone.
 */

import { create } from "zustand";
import * as api from "../api/calls";
import type { Workspace } from "../api/types";
import { useOrg } from "./org";
import { notify } from "./toasts";

/** Steps that can be undone. */
const KEPT = 100;

type Arrangement = Pick<Workspace, "x" | "y" | "collapsed" | "parent_id">;

export interface Move {
  id: string;
  from: Partial<Arrangement>;
  to: Partial<Arrangement>;
}

export interface Step {
  /** A key of the text catalogue under `arrange.`, such as `moved`. */
  what: "moved" | "nested" | "collapsed" | "laid_out";
  moves: readonly Move[];
}

interface ArrangeState {
  past: readonly Step[];
  future: readonly Step[];
}

export const useArrange = create<ArrangeState>(() => ({ past: [], future: [] }));

/** Does a step and remembers it. Resolves when the server has answered. */
export async function arrange(step: Step): Promise<boolean> {
  const moves = step.moves.filter((move) => useOrg.getState().org[move.id] !== undefined);
  if (moves.length === 0) return false;
  const kept = { ...step, moves };
  if (!(await perform(moves, "to"))) return false;
  useArrange.setState(({ past }) => ({ past: [...past, kept].slice(-KEPT), future: [] }));
  return true;
}

export async function undo(): Promise<void> {
  const { past, future } = useArrange.getState();
  const step = past.at(-1);
  if (!step || !(await perform(step.moves, "from"))) return;
  useArrange.setState({ past: past.slice(0, -1), future: [step, ...future] });
}

export async function redo(): Promise<void> {
  const { past, future } = useArrange.getState();
  const step = future[0];
  if (!step || !(await perform(step.moves, "to"))) return;
  useArrange.setState({ past: [...past, step], future: future.slice(1) });
}

/** Shows and sends; what the server refuses is shown as it was again. */
async function perform(moves: readonly Move[], side: "from" | "to"): Promise<boolean> {
  const before = useOrg.getState().org;
  useOrg.getState().patch(moves.map((move) => ({ id: move.id, change: move[side] })));
  const refused = await (moves.length > 1 && moves.every((move) => isLayout(move[side]))
    ? together(moves, side)
    : oneByOne(moves, side));
  if (refused.length > 0) {
    useOrg.getState().patch(refused.map((id) => ({ id, change: arrangementOf(before[id]) })));
  }
  return refused.length < moves.length;
}

/** Positions of many workspaces are one request. */
async function together(moves: readonly Move[], side: "from" | "to"): Promise<string[]> {
  try {
    await api.saveLayouts(moves.map((move) => ({ id: move.id, ...move[side] })));
    return [];
  } catch (error) {
    notify.failed(error);
    return moves.map((move) => move.id);
  }
}

async function oneByOne(moves: readonly Move[], side: "from" | "to"): Promise<string[]> {
  const refused: string[] = [];
  for (const move of moves) {
    try {
      await api.patchWorkspace(move.id, move[side]);
    } catch (error) {
      if (refused.length === 0) notify.failed(error);
      refused.push(move.id);
    }
  }
  return refused;
}

function isLayout(change: Partial<Arrangement>): boolean {
  return change.parent_id === undefined;
}

function arrangementOf(workspace: Workspace | undefined): Partial<Arrangement> {
  if (!workspace) return {};
  const { x, y, collapsed, parent_id } = workspace;
  return { x, y, collapsed, parent_id };
}
