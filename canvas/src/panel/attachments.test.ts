import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { size } from "../kit/bytes";
import { attachmentsIn, attachmentsOf, MOST_FILES, partOf, placeOf, tooMuch } from "./attachments";

const uri = "workspace:/workspace/.molecule/chat-uploads/00-a.txt";

describe("files among the parts of a message", () => {
  test("of both generations, whoever sent them", () => {
    const file = { uri, name: "a.txt", size: 3 };
    expect(attachmentsIn([partOf(file), { kind: "text", text: "x" }])).toEqual([file]);
    const parts = [
      { file: { fileWithUri: "https://example.com/b%20c.pdf?x=1" } },
      { url: "https://example.com/", filename: "d.txt" },
      { kind: "file", file: { bytes: "AAAA", name: "inside.bin" } },
      { kind: "file", file: {} },
      { kind: "file", file: { uri: 7, name: "no.txt" } },
      { kind: "file", file: { uri, name: "<img src=x>", size: Number.NaN } },
      null,
    ];
    expect(attachmentsIn(parts).map((one) => one.name)).toEqual([
      "b%20c.pdf",
      "d.txt",
      "inside.bin",
      "<img src=x>",
    ]);
    expect(attachmentsIn(parts).every((one) => one.size === undefined)).toBe(true);
  });

  test("marks that turn a name around are shown", () => {
    const part = { kind: "file", file: { uri, name: "a\u202efdp.exe" } };
    expect(attachmentsIn([part])[0]?.name).toBe("a\ufffdfdp.exe");
  });

  test("and those named beside one", () => {
    expect(attachmentsOf([{ uri, name: "a.txt", size: 0 }, {}, "x"])).toEqual([
      { uri, name: "a.txt", size: 0 },
    ]);
    expect(attachmentsOf("x")).toEqual([]);
  });
});

describe("where a file is", () => {
  test("with the server, by its path alone", () => {
    expect(placeOf("w/1", uri)).toEqual({
      kind: "download",
      href: "/workspaces/w%2F1/chat/download?path=%2Fworkspace%2F.molecule%2Fchat-uploads%2F00-a.txt",
    });
  });

  test.each(["javascript:alert(1)", "data:text/html,x", "workspace:x", "workspace:", "/x", ""])(
    "%j is nowhere",
    (bad) => {
      expect(placeOf("w", bad)).toBeUndefined();
    },
  );

  test("nothing else is ever followed", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((s) => `workspace:/${s}`),
        ),
        (text) => {
          const place = placeOf("w", text);
          if (place?.kind === "download") {
            const url = new URL(place.href, "http://here");
            expect(url.origin).toBe("http://here");
            expect(url.pathname).toBe("/workspaces/w/chat/download");
            expect([...url.searchParams.keys()]).toEqual(["path"]);
          } else if (place) expect(place.href).toMatch(/^https?:\/\//);
        },
      ),
    );
  });
});

test("what is too much is not sent", () => {
  const of = (...sizes: number[]) => sizes.map((size) => ({ size }));
  const mib = 2 ** 20;
  expect(tooMuch(of(25 * mib, 24 * mib))).toBeUndefined();
  expect(tooMuch(of(25 * mib + 1))).toBe("file_too_large");
  expect(tooMuch(of(25 * mib, 25 * mib))).toBe("files_too_large");
  expect(tooMuch(Array(MOST_FILES + 1).fill({ size: 1 }))).toBe("too_many_files");
});

test("sizes in words", () => {
  for (const [bytes, text] of [
    [0, /^0 /],
    [1023, /^1,?\.?023 /],
    [1536, /^1[.,]5 kB/i],
    [25 * 2 ** 20, /^25 MB/],
  ] as const) {
    expect(size(bytes)).toMatch(text);
  }
});
