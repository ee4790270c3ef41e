/** Messages that wait, and those that agents send each other. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { axe, open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

async function say(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

export async function a_message_to_an_agent_that_is_away_waits_and_is_answered_later(t, mode) {
  const server = await Server.start(t, mode);
  const id = await server.create({ name: "Away", external: true });
  const page = await open(t, server);
  await page.goto(`${server.address}/#/w/${id}/chat`);
  const log = page.getByRole("log", { name: "Conversation" });
  const mark = node(page, id).getByTestId("queue-depth");
  await say(page, "Anybody?");
  await log.getByText("Waiting for the agent: 1 in line").waitFor();
  await mark.getByText("1 message waits").waitFor();
  await say(page, "Never mind");
  const second = log.locator("[data-from]").filter({ hasText: "Never mind" });
  await second.getByText("2 in line").waitFor();
  await axe(page, "messages that wait");
  await second.getByRole("button", { name: "Cancel" }).click();
  await second.locator('[data-phase="cancelled"]').waitFor();
  await mark.getByText("1 message waits").waitFor();

  await page.getByRole("tab", { name: "Messages" }).click();
  const rows = page.getByTestId("message-row");
  await rows.filter({ hasText: "Cancelled" }).waitFor();
  const waiting = rows.filter({ hasText: "Waiting" });
  await waiting.getByRole("button", { name: /a person/ }).click();
  await waiting.getByText('"text": "Anybody?"').waitFor();
  await axe(page, "the mailbox");
  await page.getByRole("combobox", { name: "State" }).selectOption("queued");
  await rows.filter({ hasText: "Cancelled" }).waitFor({ state: "detached" });

  // Its agent collects it, and answers.
  const { messages } = await server.api("GET", `/workspaces/${id}/inbox`);
  assert.equal(messages.length, 1);
  await page.getByRole("tab", { name: "Chat" }).click();
  const first = log.locator("[data-from]").filter({ hasText: "Anybody?" });
  await first.getByText("With the agent, no answer yet").waitFor();
  const response = { jsonrpc: "2.0", id: 1, result: { parts: [{ kind: "text", text: "At last" }] } };
  await server.api("POST", `/workspaces/${id}/inbox/${messages[0].id}/ack`, { response });
  await first.getByText("Delivered").waitFor();
  await log.getByText("At last").waitFor();
  await mark.waitFor({ state: "detached" });

  const said = () => log.locator("[data-from]").allInnerTexts();
  const before = await said();
  await page.reload();
  await log.getByText("At last").waitFor();
  await second.locator('[data-phase="cancelled"]').waitFor();
  assert.deepEqual(await said(), before);
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByTestId("list-row").first().waitFor();
}

/** An agent that takes its time: `answer()` lets it answer everything that came. */
async function slow(t) {
  const waiting = [];
  const agent = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => waiting.push({ response, id: JSON.parse(Buffer.concat(chunks)).id }));
  });
  await new Promise((done) => agent.listen(0, "127.0.0.1", done));
  t.after(() => agent.close());
  const answer = () => {
    for (const { response, id } of waiting.splice(0)) {
      const result = { kind: "message", role: "agent", messageId: "m", parts: [{ kind: "text", text: "Done" }] };
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    }
  };
  return { url: `http://localhost:${agent.address().port}`, answer, waiting };
}

export async function a_message_under_way_is_not_lost_with_the_page(t, mode) {
  const server = await Server.start(t, mode, { MOLECULE_ENV: "development" });
  const agent = await slow(t);
  const id = await server.create({ name: "Slow", external: true, url: agent.url });
  const page = await open(t, server);
  await page.goto(`${server.address}/#/w/${id}/chat`);
  const log = page.getByRole("log", { name: "Conversation" });
  const mine = log.locator('[data-from="person"]');
  await say(page, "Take your time");
  await mine.getByText("With the agent, no answer yet").waitFor();
  await until("the agent has it", () => agent.waiting.length === 1);
  await page.reload();
  // Left behind: the message is there, once, and can be sent again.
  await mine.filter({ hasText: "Take your time" }).waitFor();
  assert.equal(await mine.count(), 1);
  const again = mine.getByRole("button", { name: "Send again" });
  await again.waitFor();
  agent.waiting.length = 0;
  await again.click();
  await until("the agent has it", () => agent.waiting.length === 1);
  agent.answer();
  await log.locator('[data-from="agent"]').getByText("Done").waitFor();
  await mine.last().getByText("Delivered").waitFor();
}

export async function what_agents_delegate_travels_over_the_canvas(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await server.create({ name: "Lead", runtime: "isomer" });
  const worker = await server.create({ name: "Worker", runtime: "isomer", parent_id: lead });
  const page = await open(t, server, { reducedMotion: "no-preference" });
  for (const id of [lead, worker]) await node(page, id, "online").waitFor();
  const traffic = page.getByTestId("traffic");
  const begun = async () => Number(await traffic.getAttribute("data-begun"));
  assert.equal(await begun(), 0);
  assert.equal(await traffic.isVisible(), false);
  await server.api("POST", `/workspaces/${lead}/delegate`, { target_id: worker, task: "Count to ten" });
  await until("there and back", async () => (await begun()) >= 2);
  await traffic.waitFor({ state: "hidden" });

  await page.goto(`${server.address}/#/w/${lead}/messages`);
  const delegation = page.getByTestId("delegation-row");
  await delegation.filter({ hasText: "Completed" }).getByRole("link", { name: "Worker" }).waitFor();
  await axe(page, "delegations");

  // The past shows none.
  const before = await begun();
  await page.getByRole("slider", { name: "Moment that is shown" }).focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByTestId("past-frame").waitFor();
  await server.api("POST", `/workspaces/${lead}/delegate`, { target_id: worker, task: "Once more" });
  await until("it is done", async () => {
    const rows = await server.api("GET", `/workspaces/${lead}/delegations`);
    return rows.filter((row) => row.status === "completed").length >= 2;
  });
  assert.equal(await begun(), before);
}

export async function activity_is_listed_live_filtered_searched_and_downloaded(t, mode) {
  const server = await Server.start(t, mode);
  const id = await server.create({ name: "Ada" });
  const page = await open(t, server);
  await page.goto(`${server.address}/#/w/${id}/activity`);
  await page.getByText("Nothing of this kind was done").waitFor();
  const report = (fields) => server.api("POST", `/workspaces/${id}/activity`, fields);
  const hostile = "<img src=x onerror=\"globalThis.hit='yes'\">";
  await report({ activity_type: "agent_log", summary: hostile, request_body: { page: hostile } });
  await report({ activity_type: "error", summary: "the disk is full", status: "error" });
  const rows = page.getByTestId("activity-row");
  await rows.filter({ hasText: "the disk is full" }).waitFor();
  await rows.filter({ hasText: hostile }).getByRole("button").click();
  await page.getByRole("group", { name: "Request" }).waitFor();
  await axe(page, "the activity");
  await page.getByRole("combobox", { name: "Kind" }).selectOption("error");
  await until("one is left", async () => (await rows.count()) === 1);
  await page.getByRole("combobox", { name: "Kind" }).selectOption("");
  await page.getByRole("searchbox", { name: "Search what was said" }).fill("disk");
  await page.getByText("1 was found").waitFor();
  await rows.filter({ hasText: "the disk is full" }).waitFor();

  const saving = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  assert.equal((await saving).suggestedFilename(), `activity-${id}.ndjson`);
  await page.getByRole("searchbox", { name: "Search what was said" }).fill("");
  for (let n = 0; n < 60; n++) await report({ activity_type: "agent_log", summary: `step ${n}` });
  await rows.filter({ hasText: "step 59" }).waitFor();
  const older = page.getByRole("button", { name: "Load older activity" });
  if (await older.isVisible()) await older.click();
  await rows.filter({ hasText: "the disk is full" }).waitFor();
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
}
