import { describe, expect, test } from "vitest";
import type { Workspace } from "../api/types";
import { orgOf } from "../model/org";
import { treeOf } from "../model/tree";
import { cascade, topmost } from "./cascade";
import { grouped } from "./contacts";

const workspace = (id: string, parent_id: string | null = null) =>
  ({ id, name: id, parent_id }) as Workspace;

const ORG = orgOf([
  workspace("a"),
  workspace("b", "a"),
  workspace("c", "b"),
  workspace("d", "a"),
  workspace("e"),
]);

describe("whom a removal takes along", () => {
  test("those below another one go with it, and are not removed twice", () => {
    expect(topmost(ORG, ["c", "a", "e", "gone"])).toEqual(["a", "e"]);
    expect(topmost(ORG, ["b", "d"])).toEqual(["b", "d"]);
  });

  test("everybody at any depth is listed under their own", () => {
    expect(cascade(treeOf(ORG), ["a", "e"])).toEqual([
      { id: "a", depth: 0 },
      { id: "b", depth: 1 },
      { id: "c", depth: 2 },
      { id: "d", depth: 1 },
      { id: "e", depth: 0 },
    ]);
  });
});

test("contacts are grouped by who moves, the largest first", () => {
  const contacts = [
    { from: "a", with: "x" },
    { from: "b", with: "x" },
    { from: "b", with: "y" },
  ];
  expect(grouped(contacts)).toEqual([
    { from: "b", with: ["x", "y"] },
    { from: "a", with: ["x"] },
  ]);
});
