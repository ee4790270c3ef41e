/** Who gets in, and what the page may do. */

import assert from "node:assert/strict";
import { forgive, open } from "../support/browser.js";
import { Server } from "../support/server.js";

export async function the_login_link_is_all_a_person_does(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  assert.equal(new URL(page.url()).search, "", "no token stays in the address");
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);

  const stranger = await open(t, null);
  const answer = await stranger.goto(server.address);
  assert.equal(answer.status(), 401);
  await stranger.getByText("You are not logged in here").waitFor();
}

export async function the_policy_allows_nothing_inline(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  const answer = await page.reload();
  const policy = answer.headers()["content-security-policy"];
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
  await page.getByRole("button", { name: "Menu", exact: true }).waitFor();
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.inlineRan = true";
    document.body.append(script);
    return globalThis.inlineRan === true;
  });
  assert.equal(ran, false);
  forgive(page);
}
