/** Talking to agents. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { axe, open } from "../support/browser.js";
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

export async function what_another_page_asked_is_heard_and_what_fails_is_told(t, mode) {
  const server = await Server.start(t, mode);
  const hosted = await server.create({ name: "Ada", runtime: "isomer" });
  const away = await server.create({ name: "Away" });
  const page = await open(t, server);
  await node(page, hosted, "online").waitFor();
  await page.goto(`${server.address}/#/w/${hosted}/chat`);
  const log = page.getByRole("log", { name: "Conversation" });
  await log.getByText("No messages since").waitFor();
  const message = { role: "ROLE_USER", messageId: "m", parts: [{ text: "from elsewhere" }] };
  await server.api("POST", `/workspaces/${hosted}/a2a`, { method: "SendMessage", params: { message } });
  await log.getByText("from elsewhere").waitFor();

  await page.goto(`${server.address}/#/w/${away}/chat`);
  await page.getByRole("textbox", { name: "Message" }).fill("Anybody?");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await log.getByText("Not delivered").waitFor();
  await log.getByText("workspace has no URL").waitFor();
}

/** An agent that sends the parts of every message back; returns its address. */
async function mirror(t) {
  const agent = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { id, params } = JSON.parse(Buffer.concat(chunks));
      const message = { kind: "message", role: "agent", messageId: "m", parts: params.message.parts };
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: message }));
    });
  });
  await new Promise((done) => agent.listen(0, "127.0.0.1", done));
  t.after(() => agent.close());
  return `http://localhost:${agent.address().port}`;
}

const file = (name, text) => ({ name, mimeType: "text/html", buffer: Buffer.from(text) });

/** Drops a file on what the locator finds. */
async function drop(page, target, name, text) {
  const data = await page.evaluateHandle(
    ([name, text]) => {
      const data = new DataTransfer();
      data.items.add(new File([text], name));
      return data;
    },
    [name, text],
  );
  await target.dispatchEvent("dragover", { dataTransfer: data });
  await target.dispatchEvent("drop", { dataTransfer: data });
}

export async function files_go_along_with_a_message_and_come_back(t, mode) {
  const server = await Server.start(t, mode, { MOLECULE_ENV: "development", CHAT_FILES_LIMIT_MB: "1" });
  const id = await server.create({ name: "Ada", external: true, url: await mirror(t) });
  const page = await open(t, server);
  await page.goto(`${server.address}/#/w/${id}/chat`);
  const log = page.getByRole("log", { name: "Conversation" });
  const form = page.getByRole("form", { name: "New message" });
  const send = form.getByRole("button", { name: "Send", exact: true });

  const picking = page.waitForEvent("filechooser");
  await form.getByRole("button", { name: "Attach files" }).click();
  const hostile = "<img src=x onerror=alert(1)>.html";
  await (await picking).setFiles([file(hostile, "<script>alert(1)</script>"), file("gone.txt", "x")]);
  await form.getByRole("button", { name: "Remove gone.txt" }).click();
  await drop(page, form, "notes.txt", "what was dropped");
  const chosen = form.getByRole("list", { name: "Files to send" });
  await chosen.getByText(hostile).waitFor();
  await axe(page, "files to send");
  assert.equal(await chosen.getByRole("listitem").count(), 2);
  // A message may consist of files alone.
  await send.click();
  await chosen.waitFor({ state: "detached" });

  // Both ways, with its size; saved, not shown.
  const links = log.getByRole("link", { name: "Download notes.txt 16 byte" });
  await links.nth(1).waitFor();
  assert.equal(await links.count(), 2);
  const page_like = log.getByRole("link", { name: /_img_src_x_onerror_alert_1__\.html/ }).nth(1);
  for (const [link, name, text] of [
    [links.nth(1), "notes.txt", "what was dropped"],
    [page_like, "_img_src_x_onerror_alert_1__.html", "<script>alert(1)</script>"],
  ]) {
    const saving = page.waitForEvent("download");
    await link.click();
    const download = await saving;
    assert.equal(download.suggestedFilename(), name);
    assert.equal(await readFile(await download.path(), "utf8"), text);
  }
  await axe(page, "files of messages");

  // What cannot be uploaded stays where it is, and says why.
  const many = Array.from({ length: 21 }, (_, n) => file(`${n}.txt`, "x"));
  await form.locator("input[type=file]").setInputFiles(many);
  await form.getByRole("alert").filter({ hasText: "At most 20 files" }).waitFor();
  const field = form.getByRole("textbox", { name: "Message" });
  await field.fill("With a file");
  await form.locator("input[type=file]").setInputFiles([file("large.bin", "x".repeat(2 ** 21))]);
  await send.click();
  await form.getByRole("alert").filter({ hasText: "Not uploaded: no room for more" }).waitFor();
  assert.equal(await field.inputValue(), "With a file");
  await chosen.getByText("large.bin").waitFor();
  assert.equal(await log.getByText("With a file").count(), 0);
}
