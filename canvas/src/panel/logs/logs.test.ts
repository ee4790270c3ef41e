import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MOST_LETTERS, piecesOf, plain, styled } from "./ansi";
import { append, EMPTY, finish, grouped, MOST_LINES, textOf } from "./buffer";

const ESC = "\u001b";

describe("colours", () => {
  test("what is between two sequences has the style of the first", () => {
    expect(piecesOf(`a${ESC}[1;31mb${ESC}[0mc`)).toEqual([
      { text: "a", style: {} },
      { text: "b", style: { bold: true, ink: 1 } },
      { text: "c", style: {} },
    ]);
  });

  test("bright, of the cube, and by red, green and blue", () => {
    expect(styled({}, "92").ink).toBe(10);
    expect(styled({}, "38;5;196").ink).toBe(9);
    expect(styled({}, "48;5;3").ground).toBe(3);
    expect(styled({}, "38;2;0;200;0").ink).toBe(2);
    expect(styled({}, "38:2:255:255:255").ink).toBe(15);
    expect(styled({ ink: 3, bold: true }, "39;22")).toEqual({ bold: false, dim: false });
    expect(styled({ ink: 3 }, "")).toEqual({});
  });

  test("sequences that are no colours are dropped, and so are titles and links", () => {
    expect(
      plain(`${ESC}[2J${ESC}[10;5Ha${ESC}]0;title\u0007b${ESC}]8;;javascript:1${ESC}\\c`),
    ).toBe("abc");
    expect(plain(`a${ESC}]0;never ended`)).toBe("a");
    expect(plain(`a${ESC}`)).toBe("a");
    expect(piecesOf(`x${ESC}[?25ly`)).toEqual([{ text: "xy", style: {} }]);
  });

  test("signs that change the direction are dropped", () => {
    expect(plain("a\u202eb\u2066c")).toBe("abc");
  });

  test("a line that was written over shows the last writing", () => {
    expect(piecesOf("10 %\r50 %\r100 %\r")).toEqual([{ text: "100 %", style: {} }]);
  });

  test("whatever comes, no control character is left and nothing is added", () => {
    const bytes = fc.array(
      fc.oneof(
        fc.constantFrom(ESC, "[", "]", "m", ";", "38", "5", "\r", "\u0007", "\u009b", "\u202e"),
        fc.string({ unit: "binary", maxLength: 6 }),
      ),
    );
    fc.assert(
      fc.property(bytes, (parts) => {
        const raw = parts.join("");
        const shown = piecesOf(raw)
          .map((piece) => piece.text)
          .join("");
        expect(shown.length).toBeLessThanOrEqual(Math.min(raw.length, MOST_LETTERS));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
    );
  });
});

describe("lines in memory", () => {
  test("lines are the same however the text was cut", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b\n", "\n", "cc", "\nd")), (parts) => {
        const whole = finish(append(EMPTY, parts.join("")));
        const pieces = finish(parts.reduce(append, EMPTY));
        expect(pieces).toEqual(whole);
        expect(textOf(parts.reduce(append, EMPTY))).toBe(parts.join(""));
      }),
    );
  });

  test("the oldest make room, and numbers stay", () => {
    const text = Array.from({ length: MOST_LINES + 10 }, (_, n) => `${n}\n`).join("");
    const buffer = append(EMPTY, text);
    expect(buffer.lines).toHaveLength(MOST_LINES);
    expect(buffer.dropped).toBe(10);
    expect(buffer.lines[0]).toEqual({ number: 10, text: "10" });
  });

  test("a line without an end is bounded", () => {
    const buffer = append(EMPTY, "x".repeat(100_000));
    expect(buffer.rest).toBe("");
    expect(buffer.lines[0]?.text.length).toBeLessThan(20_000);
  });

  test("groups keep their key while lines come", () => {
    const lines = append(EMPTY, "0\n1\n2\n3\n4\n").lines;
    expect(grouped(lines.slice(1), 2).map(({ key, lines }) => [key, lines.length])).toEqual([
      [0, 1],
      [1, 2],
      [2, 1],
    ]);
  });
});
