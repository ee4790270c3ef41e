/** The canvas in a real browser against the real server, in both modes. Run by `make test`. */

import { after, before, describe, test } from "node:test";
import * as access from "./cases/access.js";
import * as approvals from "./cases/approvals.js";
import * as bulk from "./cases/bulk.js";
import * as cards from "./cases/cards.js";
import * as chat from "./cases/chat.js";
import * as guide from "./cases/guide.js";
import * as keyboard from "./cases/keyboard.js";
import * as lifecycle from "./cases/lifecycle.js";
import * as live from "./cases/live.js";
import * as looks from "./cases/looks.js";
import * as messages from "./cases/messages.js";
import * as organise from "./cases/organise.js";
import * as past from "./cases/past.js";
import { close, launch } from "./support/browser.js";

const CASES = {
  ...access,
  ...organise,
  ...live,
  ...past,
  ...keyboard,
  ...looks,
  ...bulk,
  ...guide,
  ...chat,
  ...messages,
  ...approvals,
  ...cards,
  ...lifecycle,
};
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
