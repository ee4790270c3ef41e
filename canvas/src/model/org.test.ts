import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LiveEvent, Workspace } from "../api/types";
import { mayTalk, previewMove, refusal } from "./access";
import { difference } from "./diff";
import { digestOf } from "./digest";
import { apply, type Org, orgOf } from "./org";
import { absolute, place } from "./placement";
import { ancestors, descendants, treeOf } from "./tree";

function workspace(id: string, change: Partial<Workspace> = {}): Workspace {
  return {
    id,
    name: id.toUpperCase(),
    status: "online",
    role: null,
    tier: 3,
    agent_card: null,
    card_signature: null,
    queue_depth: 0,
    url: "",
    parent_id: null,
    active_tasks: 0,
    max_concurrent_tasks: 1,
    delivery_mode: "push",
    uptime_seconds: 0,
    last_error_rate: 0,
    runtime: "external",
    x: 0,
    y: 0,
    collapsed: false,
    last_sample_error: "",
    current_task: "",
    last_heartbeat_at: null,
    ...change,
  };
}

const event = (kind: string, id: string, payload = {}, seq?: number): LiveEvent => ({
  event: kind,
  workspace_id: id,
  timestamp: "2026-01-01T00:00:00Z",
  payload,
  seq,
});

/** A chart of up to 24 workspaces, each reporting to an earlier one or to nobody. */
const charts = fc
  .array(fc.option(fc.nat(30), { nil: null }), { minLength: 1, maxLength: 24 })
  .map((parents) =>
    orgOf(
      parents.map((parent, index) =>
        workspace(`w${index}`, {
          parent_id: parent === null || index === 0 ? null : `w${parent % index}`,
        }),
      ),
    ),
  );

describe("events", () => {
  test("change what they speak of and nothing else", () => {
    const org = orgOf([workspace("a"), workspace("b")]);
    const { org: after, seq } = apply(org, [
      event("WORKSPACE_DEGRADED", "a", { sample_error: "boom", error_rate: 0.7 }, 4),
      event("TASK_UPDATED", "a", { current_task: "thinking", active_tasks: 2 }),
    ]);
    expect(after.a).toMatchObject({ status: "degraded", last_error_rate: 0.7, active_tasks: 2 });
    expect(after.b).toBe(org.b);
    expect(seq).toBe(4);
  });

  test("a recovery clears the error, a card that was not sent stays", () => {
    const org = orgOf([workspace("a", { agent_card: { name: "A" }, last_sample_error: "boom" })]);
    const after = apply(org, [event("WORKSPACE_ONLINE", "a", {}, 1)]).org;
    expect(after.a).toMatchObject({ last_sample_error: "", agent_card: { name: "A" } });
  });

  test("nothing is claimed of a new card's signature", () => {
    const card_signature = { state: "verified" } as const;
    const org = orgOf([workspace("a", { agent_card: { name: "A" }, card_signature })]);
    const kept = apply(org, [event("WORKSPACE_ONLINE", "a", {}, 1)]).org;
    expect(kept.a).toMatchObject({ card_signature });
    for (const kind of ["WORKSPACE_ONLINE", "AGENT_CARD_UPDATED"]) {
      const after = apply(org, [event(kind, "a", { agent_card: { name: "B" } }, 1)]).org;
      expect(after.a).toMatchObject({ agent_card: { name: "B" }, card_signature: null });
    }
  });

  test("unknown workspaces are reported unless they are removed again", () => {
    const applied = apply({}, [
      event("WORKSPACE_PROVISIONING", "a", {}, 1),
      event("WORKSPACE_PROVISIONING", "b", {}, 2),
      event("WORKSPACE_REMOVED", "b", {}, 3),
      event("KEY_ROTATION", "00000000-0000-0000-0000-000000000000"),
    ]);
    expect([...applied.unknown]).toEqual(["a"]);
  });

  test("applied one by one or together, they give the same", () => {
    const kinds = ["WORKSPACE_ONLINE", "WORKSPACE_OFFLINE", "WORKSPACE_REMOVED", "WORKSPACE_MOVED"];
    const events = fc.array(
      fc.record({ kind: fc.constantFrom(...kinds), id: fc.constantFrom("w0", "w1", "w2") }),
    );
    fc.assert(
      fc.property(charts, events, (org, list) => {
        const all = list.map(({ kind, id }, index) => event(kind, id, { parent_id: null }, index));
        let one: Org = org;
        for (const each of all) one = apply(one, [each]).org;
        expect(apply(org, all).org).toEqual(one);
      }),
    );
  });
});

describe("the chart", () => {
  test("everybody is in it once, parents first", () => {
    fc.assert(
      fc.property(charts, (org) => {
        const { order } = treeOf(org);
        expect([...order].sort()).toEqual(Object.keys(org).sort());
        for (const id of order) {
          for (const up of ancestors(org, id)) {
            expect(order.indexOf(up)).toBeLessThan(order.indexOf(id));
          }
        }
      }),
    );
  });

  test("a preview tells exactly what changes", () => {
    fc.assert(
      fc.property(charts, fc.nat(), fc.nat(), (org, a, b) => {
        const ids = Object.keys(org);
        const [id, parent] = [ids[a % ids.length] as string, ids[b % ids.length] as string];
        fc.pre(refusal(org, id, parent) === null);
        const preview = previewMove(org, [id], parent);
        const moved = org[id];
        const after: Org = moved ? { ...org, [id]: { ...moved, parent_id: parent } } : org;
        for (const [i, one] of ids.entries()) {
          for (const other of ids.slice(i + 1)) {
            const [was, is] = [mayTalk(org, one, other), mayTalk(after, one, other)];
            const named = (list: { from: string; with: string }[]) =>
              list.some((c) => [c.from, c.with].includes(one) && [c.from, c.with].includes(other));
            expect(named(preview.gained)).toBe(!was && is);
            expect(named(preview.lost)).toBe(was && !is);
          }
        }
      }),
    );
  });

  test("nobody can report to somebody below", () => {
    fc.assert(
      fc.property(charts, (org) => {
        const tree = treeOf(org);
        for (const id of tree.order) {
          for (const below of descendants(tree, id)) expect(refusal(org, id, below)).toBe("below");
        }
      }),
    );
  });
});

describe("placement", () => {
  test("teams hold their members, and members without a place do not overlap", () => {
    fc.assert(
      fc.property(charts, (org) => {
        const tree = treeOf(org);
        const boxes = place(org, tree);
        for (const [parent, members] of Object.entries(tree.children)) {
          const placed = members.flatMap((id) => boxes[id] ?? []);
          expect(placed).toHaveLength(members.length);
          for (const [i, one] of placed.entries()) {
            const outer = boxes[parent];
            if (outer) {
              expect(one.x + one.width).toBeLessThanOrEqual(outer.width);
              expect(one.y + one.height).toBeLessThanOrEqual(outer.height);
            }
            for (const other of placed.slice(i + 1)) {
              const apart =
                one.x + one.width <= other.x ||
                other.x + other.width <= one.x ||
                one.y + one.height <= other.y ||
                other.y + other.height <= one.y;
              expect(apart).toBe(true);
            }
          }
        }
      }),
    );
  });

  test("absolute boxes add up", () => {
    const org = orgOf([
      workspace("a", { x: 100, y: 50 }),
      workspace("b", { parent_id: "a", x: 30, y: 130 }),
    ]);
    expect(absolute(org, place(org, treeOf(org)), "b")).toMatchObject({ x: 130, y: 180 });
  });
});

test("the difference between two moments", () => {
  const from = orgOf([workspace("a"), workspace("b")]);
  const to = orgOf([workspace("b", { status: "offline" }), workspace("c")]);
  const { added, removed, changed } = difference(from, to);
  expect(added.map((w) => w.id)).toEqual(["c"]);
  expect(removed.map((w) => w.id)).toEqual(["a"]);
  expect(changed).toMatchObject([{ id: "b", fields: ["status"] }]);
});

test("the digest depends on the order of nothing, and on every field it covers", () => {
  const [a, b] = [workspace("a"), workspace("b")];
  expect(digestOf(orgOf([a, b]))).toBe(digestOf(orgOf([b, a])));
  for (const change of [{ name: "x" }, { role: "r" }, { tier: 1 }, { parent_id: "b" }]) {
    expect(digestOf(orgOf([{ ...a, ...change }, b]))).not.toBe(digestOf(orgOf([a, b])));
  }
});
