/** Does something with many workspaces, some at once, and keeps what became of each. Pure. */

/** At once: the server starts agents one after another anyway. */
export const AT_ONCE = 4;

export type Outcome =
  | { kind: "waits" | "runs" | "done" }
  /** Refused; `tasks` when only work that is under way stands against it. */
  | { kind: "failed"; why: string; tasks?: number };

export type Outcomes = Readonly<Record<string, Outcome>>;

/** Calls `act` for each of `ids`; tells every change. Ends when all have an outcome. */
export async function runAll(
  ids: readonly string[],
  act: (id: string) => Promise<unknown>,
  failure: (error: unknown) => Outcome,
  tell: (id: string, outcome: Outcome) => void,
): Promise<void> {
  const waiting = [...ids];
  const worker = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      tell(id, { kind: "runs" });
      try {
        await act(id);
        tell(id, { kind: "done" });
      } catch (error) {
        tell(id, failure(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Those that were refused. */
export const failed = (outcomes: Outcomes): string[] =>
  Object.keys(outcomes).filter((id) => outcomes[id]?.kind === "failed");

/** Those that only work under way stands against. */
export const busy = (outcomes: Outcomes): string[] =>
  failed(outcomes).filter((id) => {
    const outcome = outcomes[id];
    return outcome?.kind === "failed" && outcome.tasks !== undefined;
  });

export const count = (outcomes: Outcomes, ...kinds: Outcome["kind"][]): number =>
  Object.values(outcomes).filter(({ kind }) => kinds.includes(kind)).length;
