import { describe, expect, test } from "vitest";
import type { Workspace } from "../api/types";
import { find, scoreOf } from "./find";
import { orgOf } from "./org";

const workspace = (id: string, name: string, role: string | null = null) =>
  ({ id, name, role }) as Workspace;

const ORG = orgOf([
  workspace("1", "Docs writer"),
  workspace("2", "Writer", "Docs"),
  workspace("3", "Redocs"),
  workspace("4", "Ops"),
]);

describe("finding a workspace", () => {
  test("the beginning of a name counts more than the middle, and a name more than a role", () => {
    expect(find(ORG, "docs", 10).best.map((w) => w.id)).toEqual(["1", "2", "3"]);
  });

  test("every word must fit", () => {
    expect(find(ORG, "docs writer", 10).total).toBe(2);
    expect(scoreOf(["Docs"], "docs nothing")).toBe(0);
  });

  test("the list is limited, the number is not", () => {
    const { best, total } = find(ORG, "", 2, (id) => id !== "4");
    expect(best).toHaveLength(2);
    expect(total).toBe(3);
  });
});
