import { describe, expect, test } from "vitest";
import type { Shortcut } from "./keys";
import { KeyReader, nameOf, type Press } from "./reader";

const press = (key: string, change: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  timeStamp: 0,
  ...change,
});

const run = () => {};
const LIST: readonly Shortcut[] = [
  { id: "palette", group: "general", keys: ["Mod+K"], everywhere: true, run },
  { id: "help", group: "general", keys: ["?"], run },
  { id: "canvas", group: "go", keys: ["G C"], run },
  { id: "create", group: "general", keys: ["N"], run },
  { id: "redo", group: "general", keys: ["Mod+Shift+Z"], run },
  { id: "open", group: "org", keys: ["Enter"] },
];

describe("shortcuts", () => {
  test("letters are the same with caps lock, signs carry their shift key", () => {
    expect(nameOf(press("n"))).toBe("N");
    expect(nameOf(press("?", { shiftKey: true }))).toBe("?");
    expect(nameOf(press("z", { ctrlKey: true, shiftKey: true }))).toBe("Mod+Shift+Z");
    expect(nameOf(press("k", { metaKey: true }))).toBe("Mod+K");
    expect(nameOf(press("n", { altKey: true }))).toBe("");
  });

  test("two keys in a row, but not with a long pause or another key between", () => {
    const reader = new KeyReader(LIST);
    expect(reader.read(press("g"), false)).toBeUndefined();
    expect(reader.read(press("c", { timeStamp: 300 }), false)?.id).toBe("canvas");
    reader.read(press("g", { timeStamp: 1_000 }), false);
    expect(reader.read(press("c", { timeStamp: 9_000 }), false)).toBeUndefined();
    reader.read(press("g", { timeStamp: 10_000 }), false);
    expect(reader.read(press("n", { timeStamp: 10_100 }), false)?.id).toBe("create");
    expect(reader.read(press("c", { timeStamp: 10_200 }), false)).toBeUndefined();
  });

  test("a field keeps its keys", () => {
    const reader = new KeyReader(LIST);
    expect(reader.read(press("n"), true)).toBeUndefined();
    expect(reader.read(press("?"), true)).toBeUndefined();
    reader.read(press("g"), true);
    expect(reader.read(press("c", { timeStamp: 10 }), true)).toBeUndefined();
    expect(reader.read(press("k", { ctrlKey: true }), true)?.id).toBe("palette");
  });

  test("what a view handles itself is left to it", () => {
    expect(new KeyReader(LIST).read(press("Enter"), false)).toBeUndefined();
  });
});
