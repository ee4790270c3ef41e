/** Creating, arranging and removing, as a person does it. */

import assert from "node:assert/strict";
import { open, until } from "../support/browser.js";
import { drag, middle, node } from "../support/chart.js";
import { Server } from "../support/server.js";

export async function an_agent_of_this_server_is_created_and_comes_online(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  await page.getByRole("button", { name: "New workspace" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("a|b");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText(/contains invalid characters|not accepted|must not/i).first().waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("Scout");
  await dialog.getByLabel("Role", { exact: true }).fill("Looks things up");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "Scout" }).waitFor();
  await page.locator('[data-testid="node"][data-status="online"]').waitFor();
  const [scout] = await server.api("GET", "/workspaces");
  assert.deepEqual([scout.name, scout.role, scout.runtime], ["Scout", "Looks things up", "isomer"]);
  assert.match(page.url(), new RegExp(`#/w/${scout.id}/overview`));
}

export async function an_external_agent_connects_with_what_it_is_given(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  await page.getByRole("button", { name: "New workspace" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Outsider");
  await dialog.getByText("External", { exact: true }).click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText("Waiting for the agent…").waitFor();
  const snippet = await dialog.locator("pre").first().innerText();
  const token = /WORKSPACE_AUTH_TOKEN="([^"]+)"/.exec(snippet)?.[1] ?? "";
  assert.match(token, /^[A-Za-z0-9_-]{43}$/, "the token is filled in");
  const [outsider] = await server.api("GET", "/workspaces");
  const response = await fetch(`${server.address}/registry/register`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ id: outsider.id, url: "http://localhost:1", agent_card: {} }),
  });
  assert.equal(response.status, 200);
  await dialog.getByText("Connected", { exact: true }).waitFor();
}

export async function nesting_shows_who_gains_and_can_be_undone(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await server.create({ name: "Lead", canvas: { x: 40, y: 40 } });
  const other = await server.create({ name: "Other", canvas: { x: 440, y: 40 } });
  const member = await server.create({ name: "Member", canvas: { x: 440, y: 300 } });
  const page = await open(t, server);
  await node(page, member).waitFor();
  await drag(page, node(page, member), await middle(node(page, lead)));
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/It will report to .*Lead/).waitFor();
  // Roots may talk to each other; a member may not talk to another team's lead.
  await dialog.getByTestId("preview-lost").or(dialog.getByTestId("preview-loses")).waitFor();
  await dialog.getByText("Other").first().waitFor();
  const parent = async () => (await server.api("GET", `/workspaces/${member}`)).parent_id;
  assert.equal(await parent(), null, "nothing happens before the yes");
  await dialog.getByRole("button", { name: "Move", exact: true }).click();
  await until("it reports to Lead", async () => (await parent()) === lead);
  const inside = async () => {
    const [outer, inner] = [await node(page, lead).boundingBox(), await node(page, member).boundingBox()];
    return (
      inner.x >= outer.x &&
      inner.y >= outer.y &&
      inner.x + inner.width <= outer.x + outer.width &&
      inner.y + inner.height <= outer.y + outer.height
    );
  };
  await until("it is drawn inside Lead", inside);
  assert.equal((await server.api("GET", `/workspaces/${other}`)).parent_id, null);

  await page.getByRole("banner").getByRole("button", { name: "Undo", exact: true }).click();
  await until("it reports to nobody again", async () => (await parent()) === null);
  await page.getByRole("banner").getByRole("button", { name: "Redo", exact: true }).click();
  await until("it reports to Lead again", async () => (await parent()) === lead);

  // And out again, by dragging it onto the sheet.
  await drag(page, node(page, member), { x: 900, y: 560 });
  await dialog.getByText("It will report to nobody.").waitFor();
  await dialog.getByRole("button", { name: "Move", exact: true }).click();
  await until("it was taken out", async () => (await parent()) === null);
}

export async function positions_and_layout_are_kept_and_undone(t, mode) {
  const server = await Server.start(t, mode);
  const ids = [];
  for (let n = 0; n < 6; n++) ids.push(await server.create({ name: `Node ${n}` }));
  const page = await open(t, server);
  await node(page, ids[0]).waitFor();
  const stored = async (id) => {
    const { x, y } = await server.api("GET", `/workspaces/${id}`);
    return [x, y];
  };
  await drag(page, node(page, ids[0]), { x: 700, y: 560 });
  await until("its place was stored", async () => (await stored(ids[0])).some((part) => part !== 0));
  const moved = await stored(ids[0]);
  await page.getByRole("button", { name: "Lay out automatically" }).click();
  await until("it was laid out", async () => `${await stored(ids[0])}` !== `${moved}`);
  await page.getByRole("banner").getByRole("button", { name: "Undo", exact: true }).click();
  await until("the layout was undone", async () => `${await stored(ids[0])}` === `${moved}`);
  // Where one looks is kept, too.
  await page.getByRole("button", { name: "Zoom in" }).click();
  await until("the viewport was saved", async () => {
    const { zoom } = await server.api("GET", "/canvas/viewport");
    return zoom !== 1 && zoom > 0;
  });
}

export async function deleting_lists_everyone_who_goes_along(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await server.create({ name: "Lead" });
  const middleOne = await server.create({ name: "Middle", parent_id: lead });
  const last = await server.create({ name: "Last", parent_id: middleOne });
  const stays = await server.create({ name: "Stays" });
  const page = await open(t, server);
  await node(page, lead).getByRole("button", { name: "Actions for Lead" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  const dialog = page.getByRole("dialog");
  await until("all three are listed", async () => {
    const items = await dialog.getByTestId("removal-item").allInnerTexts();
    return ["Lead", "Middle", "Last"].every((name) => items.some((item) => item.includes(name)));
  });
  await dialog.getByRole("button", { name: /^Delete 3 workspaces$/ }).click();
  for (const id of [lead, middleOne, last]) await node(page, id).waitFor({ state: "detached" });
  await node(page, stays).waitFor();
  const left = await server.api("GET", "/workspaces");
  assert.deepEqual(left.map((one) => one.id), [stays]);
}
