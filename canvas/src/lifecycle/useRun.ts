import { useCallback, useState } from "react";
import { ApiError } from "../api/http";
import { type Outcome, type Outcomes, runAll } from "./run";

type Act = (id: string) => Promise<unknown>;

export interface Run {
  outcomes: Outcomes;
  running: boolean;
  /** Resolves with every outcome of this run. */
  start(ids: readonly string[], act: Act): Promise<Outcomes>;
}

export function useRun(): Run {
  const [outcomes, setOutcomes] = useState<Outcomes>({});
  const [running, setRunning] = useState(false);
  const start = useCallback(async (ids: readonly string[], act: Act) => {
    const now: Record<string, Outcome> = {};
    const put = (id: string, outcome: Outcome) => {
      now[id] = outcome;
      setOutcomes((was) => ({ ...was, [id]: outcome }));
    };
    for (const id of ids) put(id, { kind: "waits" });
    setRunning(true);
    await runAll(ids, act, failureOf, put);
    setRunning(false);
    return now;
  }, []);
  return { outcomes, running, start };
}

export function failureOf(error: unknown): Outcome {
  const why = error instanceof Error ? error.message : String(error);
  const tasks = error instanceof ApiError && error.status === 409 ? error.body.active_tasks : null;
  return { kind: "failed", why, ...(typeof tasks === "number" ? { tasks } : {}) };
}
