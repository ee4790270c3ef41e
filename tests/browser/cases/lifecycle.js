/** What runs agents: stopping and starting them, their files, logs and terminals, bundles, templates. */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { axe, forgive, open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

/** A built-in agent that is there. */
async function hosted(server, fields = {}) {
  const id = await server.create({ name: "Ada", runtime: "isomer", tier: 2, ...fields });
  await until("the agent is online", async () => {
    const { status } = await server.api("GET", `/workspaces/${id}`);
    return status === "online";
  });
  return id;
}

const show = (page, server, id, tab = "overview") =>
  page.goto(`${server.address}/#/w/${id}/${tab}`);

async function choose(page, entry) {
  await page.getByRole("button", { name: "Actions", exact: true }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

const online = (page) => page.locator('aside header [data-status="online"]').waitFor();
const standing = (page, text) => page.getByTestId("standing").getByText(text).first();

export async function an_agent_is_paused_and_resumed(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id);
  await choose(page, /^Pause/);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await standing(page, "until somebody resumes it").waitFor();
  await node(page, id, "paused").waitFor();
  await axe(page, "a paused agent");
  await page.getByTestId("standing").getByRole("button", { name: "Resume" }).click();
  await online(page);
}

export async function an_agent_hibernates_and_is_woken(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id);
  await choose(page, /^Hibernate/);
  await page.getByRole("button", { name: "Hibernate", exact: true }).click();
  await node(page, id, "hibernated").waitFor();
  await standing(page, "A message wakes it.").waitFor();
  await page.getByRole("button", { name: "Wake it now" }).click();
  await online(page);
}

export async function an_agent_is_restarted_with_options(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id);
  await choose(page, /^Restart/);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Begin a new session").check();
  await axe(page, "the question before a restart");
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().endsWith(`/workspaces/${id}/restart`)),
    dialog.getByRole("button", { name: "Restart", exact: true }).click(),
  ]);
  assert.equal(request.postDataJSON().reset, true);
  await dialog.waitFor({ state: "detached" });
  await online(page);
}

export async function many_are_paused_and_each_is_told(t, mode) {
  const server = await Server.start(t, mode);
  const ids = [];
  for (const name of ["One", "Two", "Three"]) ids.push(await hosted(server, { name }));
  const page = await open(t, server);
  await page.getByRole("button", { name: "List", exact: true }).click();
  for (const name of ["One", "Two"]) {
    await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  }
  await page.getByRole("button", { name: /^Pause 2/ }).click();
  const dialog = page.getByRole("dialog");
  // Somebody else was faster with one of them.
  await server.api("POST", `/workspaces/${ids[0]}/pause`, {});
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await dialog.getByText("1 was refused").waitFor();
  await dialog.getByText("already paused").waitFor();
  forgive(page);
  const all = await server.api("GET", "/workspaces");
  assert.deepEqual(
    Object.fromEntries(all.map((one) => [one.name, one.status])),
    { One: "paused", Two: "paused", Three: "online" },
  );
}

export async function files_are_edited_and_nobody_is_overwritten(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id, "files");
  await page.getByRole("button", { name: "New file" }).click();
  await page.getByLabel("Path").fill("notes/todo.yaml");
  await page.getByRole("button", { name: "Create" }).click();
  const editor = page.locator(".cm-content");
  await editor.click();
  await page.keyboard.type("mine: 1");
  await page.keyboard.press("Control+s");
  await page.getByText("The agent reads this when it starts.").waitFor();
  const route = `/workspaces/${id}/files/notes/todo.yaml?root=/configs`;
  assert.equal((await server.api("GET", route)).content, "mine: 1");
  await axe(page, "the editor");

  await server.api("PUT", route, { content: "theirs: 2\n" });
  await page.keyboard.type(" # more");
  await page.keyboard.press("Control+s");
  await page.getByText("Somebody else has changed this file").waitFor();
  assert.equal((await server.api("GET", route)).content, "theirs: 2\n");
  // What is not saved outlives the tab.
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByRole("tab", { name: "Files" }).click();
  await editor.getByText("mine: 1 # more").waitFor();
  await editor.click();
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Take theirs" }).click();
  await editor.getByText("theirs: 2").waitFor();
  forgive(page);
}

export async function what_is_no_text_is_neither_shown_nor_uploaded(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id, "files");
  await page.getByTestId("file-upload").setInputFiles([
    { name: "good.txt", mimeType: "text/plain", buffer: Buffer.from("good") },
    { name: "bad.bin", mimeType: "application/x", buffer: Buffer.from([0, 255, 1]) },
  ]);
  await page.getByText("not uploaded: it is no text.").waitFor();
  await page.getByRole("button", { name: /^good.txt/ }).click();
  await page.locator(".cm-content").getByText("good").waitFor();
  await page.getByRole("button", { name: "Delete this file" }).click();
  await page.getByRole("button", { name: "Delete file" }).click();
  await page.getByRole("button", { name: /^good.txt/ }).waitFor({ state: "detached" });
}

export async function the_log_of_an_agent_is_shown(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id, "logs");
  // An agent that has said nothing yet has an empty log; either is what the server tells.
  const text = await (
    await fetch(`${server.address}/workspaces/${id}/logs?tail=5`, {
      headers: { Authorization: `Bearer ${server.variables.ADMIN_TOKEN}` },
    })
  ).text();
  const [first] = text.split("\n").filter(Boolean);
  if (first === undefined) await page.getByText("Nothing was written yet.").waitFor();
  else await page.getByTestId("log").locator("[data-line]").first().waitFor();
  await axe(page, "a log");
}

export async function a_terminal_runs_a_shell_and_lets_the_keyboard_go(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id, "terminal");
  await page.locator('[data-testid="terminal"][data-state="open"]').waitFor();
  await page.keyboard.type("echo said-$((40+2)); printf '\\033[38;2;255;100;0mcolour\\033[0m'\n");
  await page.locator(".xterm-rows").getByText("said-42").waitFor();
  // Colours that the terminal would write as style attributes, which the policy forbids.
  await page.locator('.xterm-rows span[style*="color"]').first().waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Shift+Tab");
  const inside = () =>
    page.evaluate(() => document.activeElement?.closest('[data-testid="terminal"]') !== null);
  assert.equal(await inside(), false);
}

export async function a_bundle_travels_by_file_and_by_drop(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await hosted(server, { name: "Lead" });
  await hosted(server, { name: "Member", parent_id: lead });
  const target = await hosted(server, { name: "Target" });
  const page = await open(t, server);
  await show(page, server, lead);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    choose(page, "Export as a bundle"),
  ]);
  assert.equal(download.suggestedFilename(), "Lead.bundle.json");
  const text = await readFile(await download.path(), "utf8");
  await page.goto(`${server.address}/#/`);
  await drop(page, node(page, target), text);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 workspaces,").waitFor();
  assert.equal(await dialog.getByTestId("bundle-item").count(), 2);
  await dialog.getByRole("button", { name: "Import 2 workspaces" }).click();
  await dialog.getByText("2 workspaces were made").waitFor();
  const all = await server.api("GET", "/workspaces");
  assert.deepEqual(
    all.filter((one) => one.parent_id === target).map((one) => one.name),
    ["Lead"],
  );
}

/** Lets a file with `text` in it fall on something. */
async function drop(page, on, text) {
  const box = await on.boundingBox();
  await page.evaluate(
    ({ text, x, y }) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], "team.bundle.json", { type: "application/json" }));
      const place = document.elementFromPoint(x, y);
      for (const type of ["dragover", "drop"]) {
        const at = { bubbles: true, cancelable: true, dataTransfer, clientX: x, clientY: y };
        place.dispatchEvent(new DragEvent(type, at));
      }
    },
    { text, x: box.x + 40, y: box.y + 20 },
  );
}

export async function a_file_that_is_no_bundle_is_explained(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await drop(page, node(page, id), "{");
  await page.getByText("This file is no JSON").waitFor();
  assert.equal(await page.getByRole("button", { name: /^Import/ }).isDisabled(), true);
  await axe(page, "a file that is no bundle");
}

export async function a_copy_lies_beside_the_original(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id);
  await choose(page, "Duplicate");
  await page.getByText("Ada was copied.").first().waitFor();
  const all = await server.api("GET", "/workspaces");
  assert.equal(all.length, 2);
}

export async function a_workspace_begins_from_a_template(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  await page.getByRole("button", { name: "New workspace" }).click();
  await page.getByLabel("Name").fill("From a template");
  await page.getByLabel("Template").selectOption({ index: 1 });
  await axe(page, "templates in the dialog of a new workspace");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "From a template" }).waitFor();
}

/**
 * An organisation that cannot be without a secret, and asks for what there is not yet. Its agents
 * run elsewhere: nothing changes while axe looks.
 */
const NEEDY = `
name: Needy company
required_env: [DEPLOY_TOKEN, {any_of: [FIRST_MODEL_KEY, SECOND_MODEL_KEY]}]
defaults: {runtime: elsewhere, tier: 2}
workspaces:
  - name: Lead
    schedules: [{cron: "0 9 * * *"}]
    children: [{name: Member}]
`;

export async function an_organisation_waits_for_its_secrets(t, mode) {
  const server = await Server.start(t, mode);
  const folder = path.join(server.folder, "org-templates", "needy");
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "org.yaml"), NEEDY);
  const page = await open(t, server);
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("import an org");
  await page.getByRole("option", { name: /^Import an organisation/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: /^Needy company/ }).check();
  const go = (name) => dialog.getByRole("button", { name, exact: true }).click();
  const set = async (name, value) => {
    await go(`Set ${name}`);
    await dialog.getByLabel("Value", { exact: true }).fill(value);
    await go("Add");
    await dialog.getByText(`${name} is set`).waitFor();
  };
  await go("Import organisation");
  await dialog.getByRole("alert", { name: "2 secrets are missing" }).waitFor();
  await axe(page, "secrets that are missing");
  assert.deepEqual(await server.api("GET", "/workspaces"), []);
  await set("DEPLOY_TOKEN", "token-of-the-deployment");
  // One is still missing, and nothing was made.
  await go("Try again");
  await dialog.getByRole("alert", { name: "1 secret is missing" }).waitFor();
  assert.deepEqual(await server.api("GET", "/workspaces"), []);
  await set("SECOND_MODEL_KEY", "key-of-the-second-model");
  await go("Try again");
  await page.getByText("Needy company: 2 workspaces made").waitFor();
  await page.getByRole("region", { name: "1 thing in its description was left out" }).waitFor();
  await page.getByText("schedules").waitFor();
  await axe(page, "an organisation that was made");
  const made = await server.api("GET", "/workspaces");
  assert.deepEqual(made.map((one) => one.name).sort(), ["Lead", "Member"]);
}

export async function a_team_that_is_dissolved_leaves_a_hand_over(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await hosted(server, { name: "Lead" });
  const member = await hosted(server, { name: "Member", parent_id: lead });
  const page = await open(t, server);
  await show(page, server, lead);
  await choose(page, /^Dissolve/);
  await page.getByTestId("outcome").getByText("Member").waitFor();
  await axe(page, "the question before a team is dissolved");
  await page.getByRole("button", { name: "Delete 1 workspace" }).click();
  await page.getByText("1 member was asked for a hand-over").waitFor({ timeout: 60_000 });
  await node(page, member).waitFor({ state: "detached" });
  await node(page, lead, "online").waitFor();
}

export async function a_team_without_members_in_its_configuration_is_explained(t, mode) {
  const server = await Server.start(t, mode);
  const id = await hosted(server);
  const page = await open(t, server);
  await show(page, server, id);
  await choose(page, /^Grow/);
  await page.getByRole("button", { name: "Grow team" }).click();
  await page.getByText("Name its members in its config.yaml").waitFor();
  forgive(page);
}
