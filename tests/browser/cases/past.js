/** Time travel. */

import assert from "node:assert/strict";
import { open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

export async function the_past_is_shown_and_cannot_be_changed(t, mode) {
  const server = await Server.start(t, mode);
  const gone = await server.create({ name: "Gone" });
  const stays = await server.create({ name: "Stays" });
  const [created] = await server.api("GET", `/events/${stays}`);
  // A moment between two events; comparing counts in whole seconds.
  await until("some time has passed", () => Date.now() - Date.parse(created.created_at) > 4_000);
  await server.api("DELETE", `/workspaces/${gone}`);
  await server.api("PATCH", `/workspaces/${stays}`, { name: "Renamed" });
  const page = await open(t, server);
  await node(page, stays).getByText("Renamed").waitFor();
  assert.equal(await node(page, gone).count(), 0);

  const slider = page.getByRole("slider", { name: "Moment that is shown" });
  const track = await slider.boundingBox();
  await page.mouse.click(track.x + track.width * 0.6, track.y + track.height / 2);
  await page.getByTestId("past-banner").waitFor();
  await page.getByTestId("past-frame").waitFor();
  await node(page, gone).waitFor();
  await node(page, stays).getByText("Stays").waitFor();
  assert.equal(await page.getByRole("button", { name: "New workspace" }).isDisabled(), true);

  await page.getByRole("button", { name: "Compare with…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByTestId("difference-removed").getByText("Gone").waitFor();
  await dialog.getByTestId("difference-changed").getByText("Renamed").first().waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await page.getByTestId("past-banner").getByRole("button", { name: "Live" }).click();
  await page.getByTestId("past-banner").waitFor({ state: "detached" });
  await node(page, stays).getByText("Renamed").waitFor();
  assert.equal(await node(page, gone).count(), 0);
}
