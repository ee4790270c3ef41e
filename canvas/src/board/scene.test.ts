import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mostAt } from "./detail";
import { seesMore } from "./scene";

const box = fc.record({
  x: fc.integer({ min: -3_000, max: 3_000 }),
  y: fc.integer({ min: -3_000, max: 3_000 }),
  width: fc.integer({ min: 1, max: 900 }),
  height: fc.integer({ min: 1, max: 900 }),
});
const size = { width: 1_440, height: 900 };

describe("how much is drawn", () => {
  test("counts the boxes that touch the window, in its own pixels", () => {
    const pan = fc.integer({ min: -2_000, max: 2_000 });
    const zoom = fc.double({ min: 0.05, max: 2, noNaN: true });
    fc.assert(
      fc.property(fc.array(box, { maxLength: 40 }), pan, pan, zoom, (boxes, x, y, z) => {
        // Half a pixel off the border: rounding must not decide.
        const seen = (slack: number) =>
          boxes.filter(
            (one) =>
              one.x * z + x <= size.width + slack &&
              one.y * z + y <= size.height + slack &&
              (one.x + one.width) * z + x >= -slack &&
              (one.y + one.height) * z + y >= -slack,
          ).length;
        expect(seesMore(boxes, [x, y, z], size, seen(0.5))).toBe(false);
        const few = seen(-0.5);
        if (few > 0) expect(seesMore(boxes, [x, y, z], size, few - 1)).toBe(true);
      }),
    );
  });

  test("allows fewer the further away they are, and none where nothing can be read", () => {
    expect(mostAt(0.1)).toBe(0);
    expect(mostAt(0.3)).toBeGreaterThan(0);
    expect(mostAt(1)).toBeGreaterThan(mostAt(0.3));
  });
});
