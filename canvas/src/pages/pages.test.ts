import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChildReport, RotationJob } from "../api/types";
import { advanced, progressOf, shareOf } from "./keys/progress";
import { gains, heatOf, isShard, rowsOf, stepIn } from "./runtime/tree";

const report = (child: string): ChildReport => ({
  child,
  state: "running",
  restarts: 0,
  last_failure: null,
  mailbox_depth: 0,
});

describe("the supervision tree", () => {
  test("children of a common path stand under it, and all under the root", () => {
    const rows = rowsOf(["root", "live/0", "journal", "live/1", "liveness/sweep"].map(report));
    expect(rows.map(({ path, level, report: own }) => [path, level, own !== null])).toEqual([
      ["root", 0, true],
      ["live", 1, false],
      ["live/0", 2, true],
      ["live/1", 2, true],
      ["journal", 1, true],
      ["liveness", 1, false],
      ["liveness/sweep", 2, true],
    ]);
  });

  test("shards are told from the rest", () => {
    expect(["shards/7", "journal", "root"].map((child) => isShard(report(child)))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("arrow keys never leave the grid", () => {
    const key = fc.constantFrom("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End");
    fc.assert(
      fc.property(
        fc.nat({ max: 255 }),
        key,
        fc.integer({ min: 1, max: 40 }),
        (at, pressed, columns) => {
          const to = stepIn(at, pressed, columns, 256);
          if (to !== undefined) expect(to >= 0 && to < 256).toBe(true);
        },
      ),
    );
    expect(stepIn(5, "ArrowDown", 16, 256)).toBe(21);
    expect(stepIn(5, "Enter", 16, 256)).toBeUndefined();
  });

  test("heat grows with the value", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(heatOf(less, more)).toBeLessThanOrEqual(heatOf(more, more));
      }),
    );
    expect([0, 1, 50, 100].map((value) => heatOf(value, 100))).toEqual([0, 1, 2, 4]);
  });

  test("a counter that begins anew loses nothing", () => {
    expect(gains([5, 7, 7, 1, 2])).toEqual([0, 2, 2, 3, 4]);
    expect(gains([])).toEqual([]);
  });
});

const job = (id: string, change: Partial<RotationJob> = {}): RotationJob => ({
  id,
  cutoff: "2026-01-01T00:00:00Z",
  kind: "rewrap",
  state: "running",
  total: 10,
  done: 2,
  failed: 0,
  started_by: "a",
  started_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  finished_at: null,
  ...change,
});

describe("progress of rotations", () => {
  const frame = { kind: "rewrap", state: "running", total: 10, done: 6, failed: 1 } as const;

  test("a frame advances the newest running job of its kind, and that one alone", () => {
    const jobs = [job("a", { kind: "reseed" }), job("b"), job("c")];
    expect(advanced(jobs, { rewrap: frame }).map((one) => one.done)).toEqual([2, 6, 2]);
  });

  test("an old frame takes nothing back, and a finished job stays finished", () => {
    expect(advanced([job("a", { done: 9 })], { rewrap: frame })[0]?.done).toBe(9);
    const finished = job("a", { state: "finished" });
    expect(advanced([finished], { rewrap: frame })).toEqual([finished]);
  });

  test("only whole frames are read", () => {
    expect(progressOf({ ...frame })).toEqual(frame);
    for (const wrong of [{ kind: "x" }, { state: "x" }, { total: "10" }, { done: undefined }]) {
      expect(progressOf({ ...frame, ...wrong })).toBeUndefined();
    }
  });

  test("nothing to do is all done", () => {
    expect(shareOf({ total: 0, done: 0, failed: 0 })).toBe(1);
    expect(shareOf({ total: 10, done: 6, failed: 1 })).toBeCloseTo(0.7);
  });
});
