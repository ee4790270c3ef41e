/** Talking to agents. */

import assert from "node:assert/strict";
import { open } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

export async function a_message_is_answered_in_the_chat(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  await page.getByRole("button", { name: "Start a built-in agent" }).click();
  await page.locator('[data-testid="node"][data-status="online"]').waitFor();
  const step = page.getByTestId("guide").getByRole("listitem").filter({ hasText: "Send it a message" });
  await step.and(page.locator('[data-done="false"]')).waitFor();
  await step.getByRole("button", { name: "Open the chat" }).click();

  const log = page.getByRole("log", { name: "Conversation" });
  const field = page.getByRole("textbox", { name: "Message" });
  await field.fill("How is the weather?");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await log.getByText("Agent ·").waitFor();
  // The built-in agent answers with what it was told: once, though the answer comes twice.
  await log.getByText("How is the weather?").nth(1).waitFor();
  await field.fill("And tomorrow?");
  await field.press("Enter");
  await log.getByText("And tomorrow?").nth(1).waitFor();
  await step.and(page.locator('[data-done="true"]')).waitFor();
  await log.getByText("How is the weather?").nth(2).waitFor({ state: "detached" });
  await log.getByText("Agent ·").nth(2).waitFor({ state: "detached" });
}

export async function what_another_page_asked_is_heard_and_a_reload_shows_the_same(t, mode) {
  const server = await Server.start(t, mode);
  const hosted = await server.create({ name: "Ada", runtime: "isomer" });
  const page = await open(t, server);
  await node(page, hosted, "online").waitFor();
  await page.goto(`${server.address}/#/w/${hosted}/chat`);
  const log = page.getByRole("log", { name: "Conversation" });
  await log.getByText("No messages yet").waitFor();
  const message = { role: "ROLE_USER", messageId: "m", parts: [{ text: "from elsewhere" }] };
  await server.api("POST", `/workspaces/${hosted}/a2a`, { method: "SendMessage", params: { message } });
  // The question and the answer.
  await log.getByText("from elsewhere").nth(1).waitFor();
  await page.getByRole("textbox", { name: "Message" }).fill("from here");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await log.getByText("from here").nth(1).waitFor();
  await server.api("POST", `/workspaces/${hosted}/notify`, { message: "by itself" });
  await log.getByText("by itself").waitFor();
  const said = () => log.locator("[data-from] bdi").allTextContents();
  const before = await said();
  assert.equal(before.length, 5);
  await page.reload();
  await log.getByText("by itself").waitFor();
  assert.deepEqual(await said(), before);
}
