import { describe, expect, test } from "vitest";
import type { Imported } from "../api/lifecycle";
import type { RecordedEvent, Status } from "../api/types";
import { tabsWith } from "../nav";
import { fitting, offered } from "./actions";
import { flat, lost } from "./bundle/result";
import { fileName } from "./download";
import { busy, count, failed, type Outcome, runAll } from "./run";
import { standingOf } from "./standing";
import { isMet, requirementsOf } from "./templates/needs";

const ALL = { lifecycle: true, hosted_agents: true, teams: true, bundles: true };
const one = (status: Status, runtime = "isomer") => ({ status, runtime });

describe("what can be done with an agent", () => {
  test("nothing that the server does not offer", () => {
    expect(offered(one("online"), undefined, 2)).toEqual([]);
    expect(offered(one("online"), {}, 2)).toEqual([]);
    expect(offered(one("online"), { hosted_agents: true }, 2)).toEqual(["restart", "stop"]);
    expect(offered(one("online", "langgraph"), { hosted_agents: true }, 0)).toEqual([]);
    expect(offered(one("online"), { teams: true }, 0)).toEqual(["grow"]);
    expect(offered(one("online"), { bundles: true }, 0)).toEqual(["duplicate", "export"]);
  });

  test.each<[Status, string[]]>([
    ["online", ["restart", "stop", "pause", "hibernate"]],
    ["degraded", ["restart", "stop", "pause", "hibernate"]],
    ["provisioning", ["restart", "stop", "pause"]],
    ["failed", ["restart", "pause"]],
    ["offline", ["restart", "pause"]],
    ["paused", ["resume"]],
    ["hibernated", ["restart", "pause"]],
    ["hibernating", ["pause"]],
    ["removed", []],
  ])("while %s", (status, actions) => {
    const { teams: _, bundles: __, ...lifecycle } = ALL;
    expect(offered(one(status), lifecycle, 0)).toEqual(actions);
  });

  test("whoever runs elsewhere is not started here", () => {
    const actions = offered(one("online", "external"), ALL, 1);
    expect(actions).toEqual(["pause", "grow", "dissolve", "duplicate", "export"]);
  });

  test("of many, those that it makes sense for", () => {
    expect(fitting("resume", [one("paused"), one("online")])).toEqual([one("paused")]);
  });
});

test("tabs of what is not offered are not there", () => {
  expect(tabsWith(undefined)).not.toContain("logs");
  expect(tabsWith({ logs: true })).toContain("logs");
  expect(tabsWith({ logs: true })).not.toContain("terminal");
});

describe("doing it with many", () => {
  test("each has an outcome, and one that fails holds nobody up", async () => {
    const told: Record<string, Outcome[]> = {};
    const outcomes: Record<string, Outcome> = {};
    const ids = Array.from({ length: 10 }, (_, n) => String(n));
    await runAll(
      ids,
      async (id) => {
        if (Number(id) % 3 === 0) throw new Error(id);
      },
      (error) => ({
        kind: "failed",
        why: String(error),
        ...(String(error).includes("6") ? { tasks: 2 } : {}),
      }),
      (id, outcome) => {
        told[id] = [...(told[id] ?? []), outcome];
        outcomes[id] = outcome;
      },
    );
    expect(failed(outcomes)).toEqual(["0", "3", "6", "9"]);
    expect(busy(outcomes)).toEqual(["6"]);
    expect(count(outcomes, "done")).toBe(6);
    expect(told["1"]?.map(({ kind }) => kind)).toEqual(["runs", "done"]);
  });

  test("not more than some at once", async () => {
    let now = 0;
    let most = 0;
    await runAll(
      Array.from({ length: 20 }, (_, n) => String(n)),
      async () => {
        most = Math.max(most, ++now);
        await Promise.resolve();
        now--;
      },
      () => ({ kind: "failed", why: "" }),
      () => {},
    );
    expect(most).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(1);
  });
});

describe("why an agent is not there", () => {
  const event = (event_type: string, payload: Record<string, unknown>) =>
    ({ event_type, payload }) as RecordedEvent;

  test("the newest event tells what is missing, an older one does not", () => {
    const newest = event("WORKSPACE_PROVISION_FAILED", { error: "e", missing: ["A_KEY", 3] });
    expect(standingOf("failed", "", [newest])).toEqual({
      kind: "failed",
      error: "e",
      missing: ["A_KEY"],
    });
    const later = event("WORKSPACE_ONLINE", {});
    expect(standingOf("failed", "sample", [later, newest])).toMatchObject({
      error: "sample",
      missing: [],
    });
  });

  test("who is there needs no explanation", () => {
    expect(standingOf("online", "old error", [])).toBeNull();
    expect(standingOf("hibernated", "", [])).toEqual({ kind: "hibernated" });
  });
});

test("the answer of an import, flat, and how many were not made", () => {
  const one = (name: string, more: Partial<Imported> = {}): Imported => ({
    workspace_id: name,
    name,
    status: "provisioning",
    ...more,
  });
  const result = one("a", {
    children: [one("b", { status: "failed", error: "no" }), one("c", { children: [one("d")] })],
  });
  expect(flat(result).map(({ one, depth }) => one.name + depth)).toEqual(["a0", "b1", "c1", "d2"]);
  expect(lost(result)).toBe(1);
});

test("secrets that are missing; whatever is no requirement is left out", () => {
  const all = requirementsOf(["A", { any_of: ["B", "C", 4] }, 5, null, { any_of: [] }]);
  expect(all).toEqual(["A", { any_of: ["B", "C"] }]);
  expect(all.filter((one) => !isMet(one, new Set(["C"])))).toEqual(["A"]);
  expect(requirementsOf(null)).toEqual([]);
});

test("names of files are such everywhere", () => {
  expect(fileName("Data team", ".log")).toBe("Data-team.log");
  expect(fileName("../../etc", ".log")).toBe("etc.log");
  expect(fileName("\u202e<>", ".log")).toBe("workspace.log");
  expect(fileName("x".repeat(300), ".log")).toHaveLength(84);
});
