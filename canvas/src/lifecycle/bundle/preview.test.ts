import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSafe, type Preview, readBundle } from "./preview";

const previewOf = (bundle: unknown): Preview => {
  const read = readBundle(JSON.stringify(bundle));
  if ("bad" in read) throw new Error(read.bad);
  return read.preview;
};
const badOf = (text: string) => {
  const read = readBundle(text);
  return "bad" in read ? read.bad : null;
};

describe("what is in a bundle", () => {
  test("parents come before their children, in their order", () => {
    const { workspaces, warnings } = previewOf({
      name: "Lead",
      description: "leads",
      tier: 2,
      skills: [{ id: "plan", files: { "SKILL.md": "x" } }],
      sub_workspaces: [
        { name: "A", tier: 1, sub_workspaces: [{ name: "A1", tier: 1 }] },
        { name: "B", tier: 2 },
      ],
    });
    expect(workspaces.map(({ name, depth }) => [name, depth])).toEqual([
      ["Lead", 0],
      ["A", 1],
      ["A1", 2],
      ["B", 1],
    ]);
    expect(workspaces[0]).toMatchObject({ role: "leads", tier: 2, skills: 1 });
    expect(warnings).toEqual([]);
  });

  test("what a person should know is counted once a workspace", () => {
    const { warnings } = previewOf({
      name: " ",
      tier: 9,
      prompts: { "../config.yaml": "a", "config.yaml": "OPENAI_API_KEY: sk-abcdefghijklmnopqrst" },
      sub_workspaces: [{ name: "B", tier: 4, skills: [{ id: "/etc" }] }, 5],
    });
    expect(warnings).toEqual([
      { kind: "unnamed", count: 1 },
      { kind: "no_tier", count: 1 },
      { kind: "high_tier", count: 1 },
      { kind: "unsafe_path", count: 2 },
      { kind: "dropped", count: 1 },
      { kind: "secret", count: 1 },
    ]);
  });
});

describe("what is no bundle", () => {
  test.each([
    ["{", "not_json"],
    ["[]", "not_object"],
    ["null", "not_object"],
    ['{"version": 3}', "no_bundle"],
    ['{"name": 3}', "no_bundle"],
  ])("%s", (text, why) => expect(badOf(text)).toBe(why));

  test("one that is nested too deep, and one with too many", () => {
    let deep: Record<string, unknown> = { name: "x", tier: 1 };
    for (let level = 0; level < 40; level++) deep = { name: "x", tier: 1, sub_workspaces: [deep] };
    expect(badOf(JSON.stringify(deep))).toBe("too_deep");
    const wide = {
      name: "x",
      sub_workspaces: Array.from({ length: 1_000 }, () => ({ name: "y" })),
    };
    expect(badOf(JSON.stringify(wide))).toBe("too_many");
  });

  test("no JSON whatever makes it fail", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readBundle(JSON.stringify(value));
        readBundle(
          JSON.stringify({ name: "a", skills: value, prompts: value, sub_workspaces: value }),
        );
      }),
    );
  });
});

test("paths that leave their folder are seen", () => {
  expect(["a", "a/b.md", "a..b", ".env"].every(isSafe)).toBe(true);
  expect(["", "/a", "../a", "a/../b", "C:\\a", "a\\b", "./a", "a\0"].some(isSafe)).toBe(false);
});
