import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countAt, momentAt, type Scale, share, stepFrom } from "./scale";

const SCALE: Scale = { since: 1_000, until: 13_000, step: 100, counts: Array(120).fill(2) };

describe("the timeline", () => {
  test("its ends are the first moment and now", () => {
    expect(momentAt(SCALE, 0)).toBe(1_000);
    expect(momentAt(SCALE, -3)).toBe(1_000);
    expect(momentAt(SCALE, 1)).toBeNull();
  });

  test("a place and its moment agree to a step", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (part) => {
        const at = momentAt(SCALE, part) ?? SCALE.until;
        expect(Math.abs(share(SCALE, at) - part)).toBeLessThanOrEqual(0.5 / 120 + 1e-9);
      }),
    );
  });

  test("steps back and forth lead to the same place", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 118 }), fc.integer({ min: 1, max: 100 }), (at, by) => {
        const moment = SCALE.since + at * SCALE.step;
        fc.pre(at - by >= 0);
        expect(stepFrom(SCALE, stepFrom(SCALE, moment, -by), by)).toBe(moment);
      }),
    );
    expect(stepFrom(SCALE, null, -1)).toBe(12_900);
    expect(stepFrom(SCALE, 12_900, 1)).toBeNull();
  });

  test("a moment has the events of the bucket that ends there", () => {
    expect(countAt({ ...SCALE, counts: [5, 7] }, 1_100)).toBe(5);
    expect(countAt({ ...SCALE, counts: [5, 7] }, 1_200)).toBe(7);
  });
});
