/** The first five minutes. */

import { open } from "../support/browser.js";
import { Server } from "../support/server.js";

export async function an_empty_canvas_leads_to_a_living_agent(t, mode) {
  const server = await Server.start(t, mode);
  const page = await open(t, server);
  await page.getByRole("button", { name: "Start a built-in agent" }).click();
  await page.locator('[data-testid="node"][data-status="online"]').waitFor();
  const guide = page.getByTestId("guide");
  await guide.getByText(/Ada\W+(came online after|is online)/).waitFor();
  await guide.getByRole("button", { name: /^Stop Ada$/ }).click();
  await guide.getByText(/Offline after/).waitFor();
  await guide.getByText(/Back online after/).waitFor();
  await page.locator('[data-testid="node"][data-status="online"]').waitFor();
  await guide.getByRole("button", { name: "Open its events" }).click();
  await page.getByRole("tab", { name: "Events", selected: true }).waitFor();
  await page.getByText("WORKSPACE_OFFLINE").or(page.getByText("Went offline")).first().waitFor();
  await guide.getByRole("button", { name: "Dismiss the first steps" }).click();
  await guide.waitFor({ state: "detached" });
  await page.reload();
  await page.locator('[data-testid="node"][data-status="online"]').waitFor();
  await guide.waitFor({ state: "detached" });
}
