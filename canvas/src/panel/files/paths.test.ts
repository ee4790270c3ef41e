import { describe, expect, test } from "vitest";
import { badPath, folderOf, join, kindOf, languageOf, MOST_EDITED, nameOf, sorted } from "./paths";

test("folders come first, then names", () => {
  const entry = (path: string, dir = false) => ({ path, dir, size: 0 });
  const names = sorted([entry("b"), entry("a"), entry("z", true)]).map((one) => one.path);
  expect(names).toEqual(["z", "a", "b"]);
});

test("parts of paths", () => {
  expect([join("", "a"), join("a/b", "c")]).toEqual(["a", "a/b/c"]);
  expect([folderOf("a"), folderOf("a/b/c"), nameOf("a/b/c"), nameOf("a")]).toEqual([
    "",
    "a/b",
    "c",
    "a",
  ]);
});

test.each([
  ["", "empty"],
  ["a/", "empty"],
  ["/etc/passwd", "absolute"],
  ["a\\b", "absolute"],
  ["../a", "dots"],
  ["a..b", "dots"],
  ["a//b", "dots"],
  ["./a", "dots"],
  ["a\nb", "control"],
  ["é".repeat(600), "long"],
])("%j is no path: %s", (path, why) => expect(badPath(path)).toBe(why));

test("ordinary paths are paths", () => {
  expect([".env", "skills/plan/SKILL.md", "a b"].map(badPath)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

describe("what can be edited", () => {
  const of = (content: string, more = {}) =>
    kindOf({ content, size: content.length, lossy: false, truncated: false, ...more });
  test("text, whatever signs are in it", () => {
    expect([of("é"), of(""), of("a\ufffdb")]).toEqual(["text", "text", "text"]);
  });
  test("nothing that would be damaged by writing it back", () => {
    expect(of("\ufffdPNG", { lossy: true })).toBe("binary");
    expect(of("a\0")).toBe("binary");
    expect(of("a", { truncated: true })).toBe("cut");
    expect(of("a", { size: MOST_EDITED + 1 })).toBe("large");
  });
});

test("languages by ending", () => {
  expect(["a.YAML", "a.yml", "a.json", "a.md"].map(languageOf)).toEqual([
    "yaml",
    "yaml",
    "json",
    "plain",
  ]);
});
