/** Progress of rotations: what the server keeps, and what its frames tell meanwhile. Pure. */

import type { RotationJob } from "../../api/types";

/** A `KEY_ROTATION` frame. */
export type Progress = Pick<RotationJob, "kind" | "state" | "total" | "done" | "failed">;

const STATES = ["running", "finished", "incomplete"] as const;

/** Reads a frame; `undefined` when it is none. */
export function progressOf(payload: Record<string, unknown>): Progress | undefined {
  const { kind, total, done, failed } = payload;
  const state = STATES.find((one) => one === payload.state);
  if (!state || (kind !== "rewrap" && kind !== "reseed")) return undefined;
  if (typeof total !== "number" || typeof done !== "number" || typeof failed !== "number") {
    return undefined;
  }
  return { kind, state, total, done, failed };
}

export type Newest = Readonly<Partial<Record<Progress["kind"], Progress>>>;

/**
 * Jobs, newest first, with what was heard since they were read. Frames name no job: they are of
 * the newest one of their kind, as long as that runs and they are further.
 */
export function advanced(jobs: readonly RotationJob[], newest: Newest): RotationJob[] {
  const seen = new Set<string>();
  return jobs.map((job) => {
    const heard = seen.has(job.kind) ? undefined : newest[job.kind];
    seen.add(job.kind);
    const further =
      heard && job.state === "running" && heard.done + heard.failed >= job.done + job.failed;
    return further ? { ...job, ...heard } : job;
  });
}

/** What is done, from 0 to 1. Nothing to do is all done. */
export function shareOf({
  total,
  done,
  failed,
}: Pick<Progress, "total" | "done" | "failed">): number {
  return total === 0 ? 1 : Math.min(1, (done + failed) / total);
}
