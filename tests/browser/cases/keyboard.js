/** The main path without a mouse. */

import assert from "node:assert/strict";
import { open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

export async function the_main_path_needs_no_mouse(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await server.create({ name: "Lead" });
  const member = await server.create({ name: "Member", parent_id: lead });
  const page = await open(t, server);
  await node(page, member).waitFor();

  // The chart is one tab stop; arrows walk it.
  await until("the board has the focus", async () => {
    await page.keyboard.press("Tab");
    return page.evaluate(() => document.activeElement?.getAttribute("data-testid") === "board");
  });
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.getByText(/^Member, Provisioning.*level 2/).waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Member" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Member" }).waitFor({ state: "detached" });

  // The palette reaches anybody and anything.
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("lead");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Lead" }).waitFor();

  // Created, seen and deleted.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("new workspace");
  await page.keyboard.press("Enter");
  await page.getByLabel("Name", { exact: true }).waitFor();
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("Typed");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Typed" }).waitFor();
  const all = await server.api("GET", "/workspaces");
  const typed = all.find((one) => one.name === "Typed");
  assert.ok(typed);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("delete");
  await page.keyboard.press("Enter");
  const button = page.getByRole("dialog").getByRole("button", { name: /^Delete 1 workspace$/ });
  await button.waitFor();
  await button.focus();
  await page.keyboard.press("Enter");
  await node(page, typed.id).waitFor({ state: "detached" });

  // Help is one key away, and typing in a field is only typing.
  await page.locator("#main").focus();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
}
