import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ActivityRow, DelegationRow, MailboxMessage } from "../../api/talk";
import * as log from "../activity/list";
import { delegationsOf, NOTHING, withNewest, withOlder, withState } from "./list";

const T = Date.parse("2026-01-01T00:00:00Z");
const message = (n: number, state: MailboxMessage["state"] = "queued") =>
  ({
    id: String(n).padStart(4, "0"),
    state,
    attempts: 0,
    last_error: null,
    created_at: new Date(T + n * 1_000).toISOString(),
  }) as MailboxMessage;
const down = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, index) => message(from - index));
const ids = (list: readonly { id: string }[]) => list.map((one) => Number(one.id));

describe("a mailbox", () => {
  test("is the newest page and those after it, each once", () => {
    let held = withNewest(NOTHING, { items: down(9, 7), next: "7" });
    held = withOlder(held, { items: down(7, 5), next: null });
    expect(ids(held.messages)).toEqual([9, 8, 7, 6, 5]);
    held = withNewest(held, { items: down(10, 8), next: "8" });
    expect(ids(held.messages)).toEqual([10, 9, 8, 7, 6, 5]);
    expect(held.next).toBeNull();
  });

  test("begins anew when more came than a page holds: nothing is missing in between", () => {
    const held = withNewest(NOTHING, { items: down(9, 7), next: "7" });
    const anew = withNewest(held, { items: down(20, 18), next: "18" });
    expect(ids(anew.messages)).toEqual([20, 19, 18]);
    expect(anew.next).toBe("18");
  });

  test("follows the states that are told", () => {
    const held = withNewest(NOTHING, { items: down(3, 1), next: null });
    const told = { message_id: "0002", state: "failed", attempts: 5, last_error: "refused" };
    const after = withState(held, told, undefined);
    expect(after.messages[1]).toMatchObject({
      state: "failed",
      attempts: 5,
      last_error: "refused",
    });
    expect(ids(withState(held, told, "queued").messages)).toEqual([3, 1]);
    expect(withState(held, { ...told, message_id: "0009" }, undefined)).toBe(held);
    expect(withState(held, { ...told, state: "unheard of" }, undefined)).toBe(held);
  });
});

describe("the log", () => {
  const row = (n: number) => ({ id: String(n) }) as ActivityRow;
  const rows = (from: number, to: number) =>
    Array.from({ length: from - to + 1 }, (_, index) => row(from - index));

  test("has every row once and none is missing, whenever it is read", () => {
    const PAGE = 5;
    const page = (newest: number, below: number) => {
      const from = Math.min(newest, below - 1);
      const to = Math.max(1, from - PAGE + 1);
      return { items: from < 1 ? [] : rows(from, to), next: to > 1 ? String(to) : null };
    };
    const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant("older" as const)));
    fc.assert(
      fc.property(steps, (taken) => {
        let newest = 3;
        let held = log.withNewest(log.NOTHING, page(newest, Infinity));
        for (const step of taken) {
          if (step === "older") {
            if (held.next !== null) held = log.withOlder(held, page(newest, Number(held.next)));
          } else {
            newest += step;
            held = log.withNewest(held, page(newest, Infinity));
          }
          const seen = ids(held.rows);
          expect(seen).toEqual(ids(rows(newest, newest - seen.length + 1)));
          if (held.next === null) expect(seen.length).toBe(newest);
        }
      }),
    );
  });
});

describe("delegations", () => {
  const row = (id: string, status: string, at: number, fields: Partial<DelegationRow> = {}) =>
    ({
      id,
      source_id: "a",
      target_id: "b",
      summary: "",
      status,
      created_at: new Date(T + at).toISOString(),
      ...fields,
    }) as DelegationRow;

  test("are one each, though they have a row for what was asked and one for its result", () => {
    const list = delegationsOf([
      row("3", "completed", 30, { delegation_id: "d", target_id: "", response_preview: "done" }),
      row("2", "failed", 20, { delegation_id: "e", error: "refused" }),
      row("1", "dispatched", 10, { delegation_id: "d", task_preview: "count" }),
    ]);
    expect(list).toMatchObject([
      { id: "e", status: "failed", error: "refused" },
      { id: "d", status: "completed", target: "b", preview: "done", task: "count" },
    ]);
  });

  test("never go back, in whatever order their rows come", () => {
    const asked = row("1", "queued", 10, { delegation_id: "d" });
    const done = row("2", "completed", 20, { delegation_id: "d" });
    for (const rows of [
      [asked, done],
      [done, asked],
    ]) {
      expect(delegationsOf(rows)).toMatchObject([{ status: "completed" }]);
    }
  });
});
