/** The canvas in a real browser against the real server, in both modes. Run by `make test`. */

import { after, before, describe, test } from "node:test";
import * as access from "./cases/access.js";
import { close, launch } from "./support/browser.js";

const CASES = { ...access };
/** A hung page must not hang the run. */
const LIMIT_MS = 120_000;

before(launch);
after(close);

for (const mode of ["embedded", "production"]) {
  describe(mode, () => {
    for (const [name, run] of Object.entries(CASES)) {
      test(name.replaceAll("_", " "), { timeout: LIMIT_MS }, (t) => run(t, mode));
    }
  });
}
