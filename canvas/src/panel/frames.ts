/**
 * Beats and tasks since the page was opened. They are not recorded by the server: what is kept
 * here is all there is. Bounded: 240 frames a workspace, 1,000 workspaces, and whoever is watched.
 */

import { create } from "zustand";
import type { LiveEvent } from "../api/types";
import { onEvent } from "../live/follow";
import { useOrg } from "../store/org";
import { textOf } from "./safe";

const FRAMES = 240;
const WORKSPACES = 1_000;

export interface Frame {
  /** Counts up. */
  id: number;
  kind: "beat" | "task" | "other";
  event: string;
  at: number;
  activeTasks: number;
  /** As it was known when the frame came. */
  errorRate: number;
  task: string;
}

export interface Watched {
  /** Since when frames are kept, in milliseconds of Unix time. */
  since: number;
  frames: readonly Frame[];
}

const opened = Date.now();
let next = 1;
const kept = new Map<string, Watched>();

/** Counts up with every frame of a watched workspace, so that views read anew. */
const useRound = create<{ rounds: Readonly<Record<string, number>> }>(() => ({ rounds: {} }));
const watchers = new Map<string, number>();

/** Keeps frames of `id` whatever the bound; returns how to stop. */
export function watch(id: string): () => void {
  watchers.set(id, (watchers.get(id) ?? 0) + 1);
  if (!kept.has(id)) {
    kept.set(id, { since: kept.size < WORKSPACES ? opened : Date.now(), frames: [] });
  }
  return () => {
    const left = (watchers.get(id) ?? 1) - 1;
    if (left > 0) watchers.set(id, left);
    else watchers.delete(id);
  };
}

/** What was heard of `id`, again with every frame. */
export function useFrames(id: string): Watched {
  useRound((state) => state.rounds[id]);
  return kept.get(id) ?? { since: opened, frames: [] };
}

const KINDS: Readonly<Record<string, Frame["kind"]>> = {
  WORKSPACE_HEARTBEAT: "beat",
  TASK_UPDATED: "task",
};

onEvent((event: LiveEvent) => {
  const id = event.workspace_id;
  const workspace = useOrg.getState().org[id];
  const had = kept.get(id);
  if (!workspace || (!had && kept.size >= WORKSPACES)) return;
  const { active_tasks: tasks } = event.payload;
  const frame: Frame = {
    id: next++,
    kind: KINDS[event.event] ?? "other",
    event: event.event,
    at: Date.parse(event.timestamp),
    activeTasks: typeof tasks === "number" ? tasks : workspace.active_tasks,
    errorRate: workspace.last_error_rate,
    task: textOf(event.payload.current_task),
  };
  const frames = [...(had?.frames ?? []), frame];
  const full = frames.length > FRAMES;
  const rest = full ? frames.slice(-FRAMES) : frames;
  kept.set(id, { since: full ? (rest[0]?.at ?? opened) : (had?.since ?? opened), frames: rest });
  if (watchers.has(id)) {
    useRound.setState(({ rounds }) => ({ rounds: { ...rounds, [id]: (rounds[id] ?? 0) + 1 } }));
  }
});
