import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Workspace } from "../api/types";
import { type Org, orgOf } from "../model/org";
import { ancestors, treeOf } from "../model/tree";
import { type Query, rowsOf } from "./rows";

const workspace = (id: string, change: Partial<Workspace> = {}) =>
  ({
    id,
    name: id,
    status: "online",
    role: null,
    runtime: "external",
    current_task: "",
    parent_id: null,
    last_error_rate: 0,
    last_heartbeat_at: null,
    collapsed: false,
    ...change,
  }) as Workspace;

const charts = fc
  .array(fc.record({ parent: fc.nat(30), root: fc.boolean(), folded: fc.boolean() }), {
    minLength: 1,
    maxLength: 24,
  })
  .map((list) =>
    orgOf(
      list.map(({ parent, root, folded }, index) =>
        workspace(`w${index}`, {
          parent_id: root || index === 0 ? null : `w${parent % index}`,
          collapsed: folded,
          status: parent % 3 === 0 ? "failed" : "online",
        }),
      ),
    ),
  );

const ask = (org: Org, change: Partial<Query> = {}) =>
  rowsOf(org, treeOf(org), {
    search: "",
    statuses: new Set(),
    sort: null,
    collapsed: (id) => org[id]?.collapsed ?? false,
    ...change,
  });

describe("rows", () => {
  test("everybody whose teams are unfolded is there once, below their lead", () => {
    fc.assert(
      fc.property(charts, (org) => {
        const ids = ask(org).map((row) => row.id);
        const expected = Object.keys(org).filter((id) =>
          ancestors(org, id).every((up) => !org[up]?.collapsed),
        );
        expect([...ids].sort()).toEqual(expected.sort());
        for (const id of ids) {
          for (const up of ancestors(org, id)) {
            expect(ids.indexOf(up)).toBeLessThan(ids.indexOf(id));
          }
        }
      }),
    );
  });

  test("a filter keeps those that match and who is above them, dimmed, and unfolds", () => {
    fc.assert(
      fc.property(charts, (org) => {
        const rows = ask(org, { statuses: new Set(["failed"] as const) });
        const matching = Object.keys(org).filter((id) => org[id]?.status === "failed");
        expect(
          rows
            .filter((row) => !row.dimmed)
            .map((row) => row.id)
            .sort(),
        ).toEqual(matching.sort());
        const above = new Set(matching.flatMap((id) => ancestors(org, id)));
        for (const row of rows) if (row.dimmed) expect(above.has(row.id)).toBe(true);
      }),
    );
  });

  test("an order is flat and puts trouble first", () => {
    const org = orgOf([
      workspace("a", { last_error_rate: 0.1 }),
      workspace("b", { parent_id: "a", status: "failed", last_error_rate: 0.9 }),
      workspace("c", { status: "offline" }),
    ]);
    expect(ask(org, { sort: "errors" }).map((row) => row.id)).toEqual(["b", "a", "c"]);
    expect(ask(org, { sort: "status" }).map((row) => row.id)).toEqual(["b", "c", "a"]);
    expect(ask(org, { sort: "status" }).every((row) => row.depth === 0)).toBe(true);
  });

  test("every word must be found somewhere", () => {
    const org = orgOf([workspace("a", { name: "Docs writer", role: "Writes manuals" })]);
    expect(ask(org, { search: "manuals docs" })).toHaveLength(1);
    expect(ask(org, { search: "docs nothing" })).toHaveLength(0);
  });
});
