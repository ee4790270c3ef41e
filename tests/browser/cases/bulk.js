/** Many at once, retirement, and a page that has gone wrong. */

import assert from "node:assert/strict";
import { open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

export async function many_are_deleted_at_once_from_the_list(t, mode) {
  const server = await Server.start(t, mode);
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await server.create({ name: `Row ${n}` }));
  const page = await open(t, server);
  await page.getByRole("button", { name: "List", exact: true }).click();
  for (const name of ["Row 0", "Row 1", "Row 2"]) {
    await page.getByRole("checkbox", { name: new RegExp(`^Select .*${name}`) }).check();
  }
  await page.getByText("3 selected").waitFor();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: /^Delete 3 workspaces$/ }).click();
  await until("one row is left", async () => (await page.getByTestId("list-row").count()) === 1);
  const left = await server.api("GET", "/workspaces");
  assert.deepEqual(left.map((one) => one.id), [ids[3]]);
}

export async function a_retired_workspace_points_at_its_successor(t, mode) {
  const server = await Server.start(t, mode);
  const old = await server.create({ name: "Old hand" });
  const next = await server.create({ name: "Successor" });
  const page = await open(t, server);
  await node(page, old).getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: /^Forward/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox").fill("Succ");
  await page.getByRole("option", { name: /Successor/ }).click();
  await dialog.getByRole("button", { name: "Forward", exact: true }).click();
  await node(page, old).waitFor({ state: "detached" });
  const response = await fetch(`${server.address}/workspaces/${old}`, { redirect: "manual" });
  assert.equal(response.status, 301);
  assert.match(response.headers.get("location"), new RegExp(next));
}

export async function a_page_that_went_wrong_repairs_itself(t, mode) {
  const server = await Server.start(t, mode);
  const id = await server.create({ name: "Right" });
  const page = await open(t, null);
  await page.clock.install();
  // The first list tells a name that is not the server's, as if an event had been lost.
  let lists = 0;
  await page.route("**/workspaces", async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace(`"Right"`, lists++ === 0 ? `"Wrong"` : `"Right"`);
    await route.fulfill({ response, body });
  });
  await page.goto(server.link);
  await node(page, id).getByText("Wrong").waitFor();
  await page.clock.fastForward("01:01");
  await node(page, id).getByText("Right").waitFor();
}
