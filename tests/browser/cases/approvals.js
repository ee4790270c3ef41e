/** What agents ask people for. */

import assert from "node:assert/strict";
import { axe, open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

const HOSTILE = "<img src=x onerror=\"globalThis.hit='yes'\">";

const ask = (server, id, fields) =>
  server.api("POST", `/workspaces/${id}/approvals`, { action: "deploy", ...fields });
const requests = (page) => page.getByTestId("approval");
const entry = (page, name) => page.getByTestId("approvals-entry").and(page.getByRole("link", { name }));

export async function approvals_are_counted_listed_and_decided_by_keyboard(t, mode) {
  const server = await Server.start(t, mode);
  const id = await server.create({ name: "Ada" });
  const page = await open(t, server);
  await node(page, id).waitFor();
  await entry(page, "Approvals").waitFor();
  await ask(server, id, { reason: "All tests passed", context: { version: "1.2", page: HOSTILE } });
  await entry(page, "1 approval waits").waitFor();
  await node(page, id).getByTestId("approval-mark").waitFor();
  await ask(server, id, { action: HOSTILE });
  await page.getByRole("status").filter({ hasText: `Ada asks for approval: ${HOSTILE}` }).waitFor();
  await entry(page, "2 approvals wait").waitFor();

  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("heading", { level: 1, name: "Approvals" }).waitFor();
  const first = requests(page).filter({ hasText: "All tests passed" });
  await first.getByRole("link", { name: "Ada" }).waitFor();
  await first.getByText(/min.* left/).waitFor();
  await first.getByRole("group", { name: "Context of deploy" }).getByText('"version": "1.2"').waitFor();
  await axe(page, "the approvals");

  const approve = first.getByRole("button", { name: "Approve" });
  await approve.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Let Ada do this?" }).waitFor();
  await axe(page, "the decision");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await requests(page).count(), 2);
  await approve.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Enter");
  await first.waitFor({ state: "detached" });
  await entry(page, "1 approval waits").waitFor();
  await until("the focus is with the list", () =>
    page.evaluate(() => document.activeElement?.textContent === "1 request waits"),
  );

  await requests(page).getByRole("button", { name: "Deny" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
  await page.getByRole("heading", { name: "Nothing waits for you" }).waitFor();
  const decided = await server.api("GET", `/workspaces/${id}/approvals`);
  assert.deepEqual(decided.map((one) => one.status).sort(), ["approved", "denied"]);
  await page.goto(`${server.address}/#/`);
  await node(page, id).waitFor();
  await node(page, id).getByTestId("approval-mark").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
}

export async function two_must_approve_and_what_is_decided_elsewhere_is_told(t, mode) {
  const server = await Server.start(t, mode, { APPROVALS_TWO_PERSON: "true" });
  const id = await server.create({ name: "Ada" });
  const { approval_id: first } = await ask(server, id, { action: "delete everything" });
  const { approval_id: second } = await ask(server, id, { action: "restart" });
  const page = await open(t, server);
  await page.goto(`${server.address}/#/approvals`);
  const one = page.locator(`[data-approval="${first}"]`);
  const dialog = page.getByRole("dialog");
  await one.getByText("0 of 2 approvals").waitFor();
  await one.getByRole("button", { name: "Approve" }).click();
  await dialog.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Your approval counts: 1 of 2.").first().waitFor();
  await one.getByText("1 of 2 approvals").waitFor();
  await one.getByText("human (session)").waitFor();

  // The same person once more.
  await one.getByRole("button", { name: "Approve" }).click();
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.getByRole("alert").filter({ hasText: "already approved by this identity" }).waitFor();
  await page.keyboard.press("Escape");
  await server.api("POST", `/workspaces/${id}/approvals/${first}/decide`, { decision: "approved" });
  await one.waitFor({ state: "detached" });

  const two = page.locator(`[data-approval="${second}"]`);
  await two.getByRole("button", { name: "Approve" }).click();
  await dialog.waitFor();
  await server.api("POST", `/workspaces/${id}/approvals/${second}/decide`, { decision: "denied" });
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.getByRole("alert").filter({ hasText: "decided elsewhere" }).waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await two.waitFor({ state: "detached" });
}
