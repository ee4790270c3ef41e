import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordedEvent, Workspace } from "../api/types";
import { saidIn } from "./chat/read";
import { joined, runOf } from "./events/types";
import { webUrl } from "./safe";
import { isSecretName } from "./secrets/name";
import { changesOf, draftOf } from "./settings/draft";

const event = (seq: number, event_type: string): RecordedEvent => ({
  id: String(seq),
  seq,
  event_type,
  workspace_id: "w",
  payload: {},
  created_at: new Date(seq * 1000).toISOString(),
});

describe("addresses that agents wrote", () => {
  test.each(["https://example.com/a", "http://10.0.0.1:8000/"])("%s is a link", (url) => {
    expect(webUrl(url)).toBe(url);
  });

  test.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//example.com",
    "/relative",
    "https://user:secret@example.com/",
    "",
    7,
    null,
  ])("%s is none", (url) => {
    expect(webUrl(url)).toBeUndefined();
  });

  test("nothing but the web is ever followed", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const url = webUrl(text);
        if (url !== undefined) expect(url).toMatch(/^https?:\/\//);
      }),
    );
  });
});

describe("since when a status holds", () => {
  test("the first of those in a row counts", () => {
    const newest = [
      event(9, "WORKSPACE_ONLINE"),
      event(7, "WORKSPACE_ONLINE"),
      event(5, "WORKSPACE_OFFLINE"),
      event(3, "WORKSPACE_ONLINE"),
    ];
    expect(runOf(newest, "online")?.seq).toBe(7);
  });

  test("nothing is known while the newest event tells another status", () => {
    expect(runOf([event(9, "WORKSPACE_OFFLINE")], "online")).toBeUndefined();
  });
});

test("events are listed once, newest first, however they came", () => {
  const seqs = fc.array(fc.nat({ max: 30 }));
  fc.assert(
    fc.property(seqs, seqs, (read, live) => {
      const list = joined(
        live.map((seq) => event(seq, "A")),
        read.map((seq) => event(seq, "A")),
      );
      const expected = [...new Set([...read, ...live])].sort((a, b) => b - a);
      expect(list.map((one) => one.seq)).toEqual(expected);
    }),
  );
});

test("names of secrets", () => {
  for (const name of ["A", "OPENAI_API_KEY", "A1_"]) expect(isSecretName(name)).toBe(true);
  for (const name of ["", "a", "1A", "_A", "A B", "A-B", "A\n", "Ä"]) {
    expect(isSecretName(name)).toBe(false);
  }
});

test("only what differs is sent", () => {
  const workspace = { name: "A", role: null, tier: 7, runtime: "x" } as Workspace;
  const draft = draftOf(workspace);
  expect(changesOf(workspace, draft)).toEqual({});
  expect(changesOf(workspace, { ...draft, role: "r" })).toEqual({ role: "r" });
  expect(changesOf(workspace, { ...draft, tier: "2" })).toEqual({ tier: 2 });
  expect(changesOf({ ...workspace, role: "r" }, draft)).toEqual({ role: "" });
});

describe("what a reply says", () => {
  const part = (text: string) => ({ kind: "text", text });
  test.each([
    [{ result: { parts: [part("a"), { kind: "file" }, part("b")] } }, "a\nb"],
    [{ result: { status: { message: { parts: [part("a")] } } } }, "a"],
    [{ result: { artifacts: [{ parts: [part("a")] }] } }, "a"],
    [{ result: { message: { parts: [{ text: "a" }, { url: "x" }] } } }, "a"],
    [{ result: { task: { status: {}, artifacts: [{ parts: [{ text: "a" }] }] } } }, "a"],
    [{ result: "a" }, "a"],
    [{ result: null }, ""],
    [undefined, ""],
  ])("%j", (reply, text) => {
    expect(saidIn(reply)).toBe(text);
  });
});
