/** One Chromium for every test; a context and a page of its own for each. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** How long anything may take to show. */
export const SHOWN_MS = 15_000;

let browser;

export async function launch() {
  browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export async function close() {
  await browser?.close();
}

const known = new WeakMap();

/** Forgets the faults of a page so far: the test has provoked them. */
export function forgive(page) {
  known.get(page).length = 0;
}

/** A page that fails its test when a script fails or the policy is broken. */
export async function open(t, server, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(SHOWN_MS);
  const page = await context.newPage();
  const faults = [];
  known.set(page, faults);
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|violates/i.test(text)) faults.push(`policy: ${text}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  t.after(async () => {
    if (process.env.ISOMER_KEEP_SCREENSHOTS) {
      const name = t.name.replace(/[^a-z0-9]+/gi, "-");
      await page.screenshot({ path: path.join(process.env.ISOMER_KEEP_SCREENSHOTS, `${name}.png`) });
    }
    await context.close();
    assert.deepEqual(faults, []);
  });
  if (server) {
    await page.goto(server.link);
    await page.getByRole("button", { name: "Menu", exact: true }).waitFor();
  }
  return page;
}

/** Runs axe on what is shown; fails with what it found. */
export async function axe(page, where) {
  const source = await readFile(
    path.resolve(import.meta.dirname, "../node_modules/axe-core/axe.min.js"),
    "utf8",
  );
  // Evaluated over the debugging protocol, which the page's policy does not concern.
  await page.evaluate(source);
  const found = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: tags });
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      at: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)),
    }));
  });
  assert.deepEqual(found, [], `axe found something on ${where}`);
}

/** Waits until `check` returns something true; returns that. */
export async function until(what, check) {
  const deadline = Date.now() + SHOWN_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${SHOWN_MS} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
