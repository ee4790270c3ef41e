import { expect, test } from "vitest";
import { Reads } from "./reads";

const [a, b] = [{ id: "a" }, { id: "b" }];

test("what was read counts once", () => {
  const reads = new Reads();
  const read = reads.begin(["a", "b"]);
  expect(reads.end(read, ["a", "b"], [a, b])).toEqual([a, b]);
  expect(reads.end(read, ["a", "b"], [a, b])).toEqual([]);
});

test("a workspace that was removed meanwhile does not come back", () => {
  const reads = new Reads();
  const read = reads.begin(["a", "b"]);
  reads.void("a");
  expect(reads.end(read, ["a", "b"], [a, b])).toEqual([b]);
});

test("only the last of several reads counts, in whatever order they end", () => {
  const reads = new Reads();
  const [first, second] = [reads.begin(["a"]), reads.begin(["a", "b"])];
  expect(reads.end(first, ["a"], [a])).toEqual([]);
  expect(reads.end(second, ["a", "b"], [a, b])).toEqual([a, b]);
  const [older, newer] = [reads.begin(["a"]), reads.begin(["a"])];
  expect(reads.end(newer, ["a"], [a])).toEqual([a]);
  expect(reads.end(older, ["a"], [a])).toEqual([]);
});

test("a new list makes up for all of them", () => {
  const reads = new Reads();
  const read = reads.begin(["a"]);
  reads.voidAll();
  expect(reads.end(read, ["a"], [a])).toEqual([]);
});
