import { describe, expect, test } from "vitest";
import { Keys, type Press } from "./keys";

const press = (key: string, more: Partial<Press> = {}): Press => ({
  type: "keydown",
  key,
  ctrlKey: false,
  shiftKey: false,
  altKey: false,
  metaKey: false,
  timeStamp: 0,
  ...more,
});

describe("leaving the terminal", () => {
  test("Tab belongs to the terminal, and after Escape to the page", () => {
    const keys = new Keys();
    expect(keys.read(press("Tab"), false)).toBe("terminal");
    expect(keys.read(press("Escape", { timeStamp: 100 }), false)).toBe("terminal");
    expect(keys.read(press("Shift", { timeStamp: 150 }), false)).toBe("terminal");
    expect(keys.read(press("Tab", { timeStamp: 200, shiftKey: true }), false)).toBe("page");
  });

  test("not after another key, and not much later", () => {
    const keys = new Keys();
    keys.read(press("Escape"), false);
    keys.read(press("a"), false);
    expect(keys.read(press("Tab"), false)).toBe("terminal");
    keys.read(press("Escape", { timeStamp: 1_000 }), false);
    expect(keys.read(press("Tab", { timeStamp: 9_000 }), false)).toBe("terminal");
  });
});

test("Control and C interrupts unless something is selected", () => {
  const keys = new Keys();
  const c = press("c", { ctrlKey: true });
  expect(keys.read(c, false)).toBe("terminal");
  expect(keys.read(c, true)).toBe("copy");
  expect(keys.read(press("C", { ctrlKey: true, shiftKey: true }), true)).toBe("copy");
  expect(keys.read(press("V", { ctrlKey: true, shiftKey: true }), false)).toBe("paste");
  expect(keys.read(press("v", { ctrlKey: true }), false)).toBe("terminal");
});
