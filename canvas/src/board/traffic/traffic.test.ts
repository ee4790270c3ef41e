import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LiveEvent, Workspace } from "../../api/types";
import { orgOf } from "../../model/org";
import type { Placed } from "../scene";
import { curveOf, eased, middleOf, pointAt } from "./curve";
import { drawnEnd, moveOf, Targets } from "./moves";
import { JOINS_MS, LASTS_MS, MOST, Pulses } from "./pulses";

const event = (
  kind: string,
  workspace_id: string,
  payload: Record<string, unknown>,
): LiveEvent => ({
  event: kind,
  workspace_id,
  timestamp: "2026-01-01T00:00:00Z",
  payload,
});

const move = (kind: string, own: string, payload: Record<string, unknown>) =>
  moveOf(event(kind, own, payload), new Targets());

describe("traffic", () => {
  const received = { activity_type: "a2a_receive", status: "ok" };

  test("is what one agent sends to another", () => {
    expect(move("ACTIVITY_LOGGED", "b", { ...received, source_id: "a", target_id: "b" })).toEqual({
      from: "a",
      to: "b",
      kind: "message",
    });
    const sent = { activity_type: "a2a_send", source_id: "a", target_id: "b", status: "error" };
    expect(move("ACTIVITY_LOGGED", "a", sent)).toEqual({ from: "a", to: "b", kind: "failure" });
    expect(move("DELEGATION_SENT", "a", { delegation_id: "d", target_id: "b" })).toEqual({
      from: "a",
      to: "b",
      kind: "delegation",
    });
  });

  test("is also what an agent tells of itself: what it received came from the other", () => {
    expect(move("ACTIVITY_LOGGED", "a", { ...received, source_id: "a", target_id: "b" })).toEqual({
      from: "b",
      to: "a",
      kind: "result",
    });
  });

  test.each([
    ["ACTIVITY_LOGGED", { ...received, source_id: null, target_id: "a" }],
    ["ACTIVITY_LOGGED", { activity_type: "agent_log", source_id: "a", target_id: "b" }],
    ["ACTIVITY_LOGGED", { activity_type: "a2a_send", source_id: "a", target_id: null }],
    ["ACTIVITY_LOGGED", { activity_type: "a2a_send", source_id: "a", target_id: "a" }],
    ["WORKSPACE_ONLINE", {}],
    ["DELEGATION_COMPLETE", { delegation_id: "unheard of" }],
  ])("is not %s %j", (kind, payload) => {
    expect(move(kind, "a", payload)).toBeUndefined();
  });

  test("ends where it began when a delegation is done, told or remembered", () => {
    const targets = new Targets(2);
    for (const d of ["1", "2", "3"]) {
      moveOf(event("DELEGATION_SENT", "a", { delegation_id: d, target_id: `to ${d}` }), targets);
    }
    const done = (d: string) =>
      moveOf(event("DELEGATION_COMPLETE", "a", { delegation_id: d }), targets);
    expect(done("3")).toEqual({ from: "to 3", to: "a", kind: "result" });
    expect(done("1")).toBeUndefined();
    const failed = event("DELEGATION_FAILED", "a", { delegation_id: "9", target_id: "b" });
    expect(moveOf(failed, targets)).toEqual({ from: "b", to: "a", kind: "failure" });
  });

  test("goes to the folded team that its end is in", () => {
    const made = (id: string, parent_id: string | null) =>
      ({ id, name: id, parent_id }) as Workspace;
    const org = orgOf([made("top", null), made("team", "top"), made("leaf", "team")]);
    expect(drawnEnd(org, new Set(["top", "team", "leaf"]), "leaf")).toBe("leaf");
    expect(drawnEnd(org, new Set(["top", "team"]), "leaf")).toBe("team");
    expect(drawnEnd(org, new Set(["top"]), "leaf")).toBe("top");
    expect(drawnEnd(org, new Set(), "leaf")).toBeUndefined();
    expect(drawnEnd(org, new Set(["top"]), "unknown")).toBeUndefined();
  });
});

describe("pulses", () => {
  const moves = fc.record({
    from: fc.constantFrom("a", "b", "c", "d"),
    to: fc.integer({ min: 0, max: 200 }).map(String),
    kind: fc.constantFrom("message", "delegation", "result", "failure"),
    wait: fc.integer({ min: 0, max: 500 }),
  });

  test("are never more than the bound, and all gone in the end", () => {
    fc.assert(
      fc.property(fc.array(moves, { maxLength: 400 }), (sent) => {
        const pulses = new Pulses();
        let now = 0;
        for (const { wait, ...one } of sent) {
          now += wait % 40;
          pulses.add(one, now);
          expect(pulses.at(now).length).toBeLessThanOrEqual(MOST);
        }
        expect(pulses.at(now + LASTS_MS)).toEqual([]);
      }),
    );
  });

  test("count everything of a pair that comes at once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (count) => {
        const pulses = new Pulses();
        const began = Array.from({ length: count }, (_, n) =>
          pulses.add({ from: "a", to: "b", kind: "message" }, (n % 4) * 10),
        );
        expect(began.filter(Boolean).length).toBe(1);
        expect(pulses.at(50)).toMatchObject([{ count }]);
      }),
    );
  });

  test("begin anew for a pair after a while, and by direction", () => {
    const pulses = new Pulses();
    const there = { from: "a", to: "b", kind: "message" } as const;
    expect(pulses.add(there, 0)).toBe(true);
    expect(pulses.add({ ...there, from: "b", to: "a" }, 0)).toBe(true);
    expect(pulses.add(there, JOINS_MS - 1)).toBe(false);
    expect(pulses.add(there, JOINS_MS)).toBe(true);
    expect(pulses.at(JOINS_MS).length).toBe(3);
  });

  test("count a delegation and its message once, and show a failure", () => {
    const pulses = new Pulses();
    pulses.add({ from: "a", to: "b", kind: "delegation" }, 0);
    pulses.add({ from: "a", to: "b", kind: "message" }, 1);
    expect(pulses.at(1)).toMatchObject([{ count: 1, kind: "delegation" }]);
    pulses.add({ from: "a", to: "b", kind: "failure" }, 2);
    expect(pulses.at(2)).toMatchObject([{ count: 1, kind: "failure" }]);
  });
});

test("a curve goes from face to face, and back on another way", () => {
  const box = (id: string, x: number, y: number, team = false): Placed => ({
    id,
    x,
    y,
    width: 300,
    height: team ? 900 : 116,
    depth: 0,
    team,
  });
  const [a, b] = [box("a", 0, 0, true), box("b", 1_000, 500)];
  const there = curveOf(a, b);
  expect(pointAt(there, 0)).toEqual({ x: 150, y: 58 });
  expect(pointAt(there, 1)).toEqual(middleOf(b));
  const back = pointAt(curveOf(b, a), 0.5);
  expect(
    Math.hypot(back.x - pointAt(there, 0.5).x, back.y - pointAt(there, 0.5).y),
  ).toBeGreaterThan(50);
  expect([eased(0), eased(1)]).toEqual([0, 1]);
});
