import { expect, test } from "vitest";
import { fill } from "./snippet";

const CURL = 'WORKSPACE_AUTH_TOKEN="<paste from create response>"\ncurl x';
const PYTHON = 'URL = "u"\nAUTH_TOKEN    = "<paste from create response>"\n';

test("the token goes into its exact place", () => {
  expect(fill(CURL, "abc")).toBe('WORKSPACE_AUTH_TOKEN="abc"\ncurl x');
  expect(fill(PYTHON, "abc")).toBe('URL = "u"\nAUTH_TOKEN    = "abc"\n');
});

test("a token is text, whatever is in it", () => {
  expect(fill(CURL, "a$&b$1")).toContain('WORKSPACE_AUTH_TOKEN="a$&b$1"');
});

test("nothing else is replaced, and no token leaves the place open", () => {
  expect(fill('echo "<paste from create response>"', "abc")).not.toContain("abc");
  expect(fill(CURL, "")).toBe(CURL);
});
