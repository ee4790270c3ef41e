/** How it looks, to whom, and that nothing an agent writes is more than text. */

import assert from "node:assert/strict";
import { axe, open } from "../support/browser.js";
import { menu, node } from "../support/chart.js";
import { Server } from "../support/server.js";

const TABS = ["overview", "chat", "messages", "activity", "events", "secrets", "card", "agents", "settings"];

async function fleet(server) {
  const lead = await server.external({ name: "Lead", role: "Plans" });
  const worker = await server.external({ name: "Worker", role: "Works", parent_id: lead.id });
  await worker.beat({ error_rate: 0.8, sample_error: "the model answered 500" });
  await lead.beat({ active_tasks: 1, current_task: "Planning" });
  return { lead: lead.id, worker: worker.id };
}

async function axe_everywhere(t, mode, scheme) {
  const server = await Server.start(t, mode);
  const { lead, worker } = await fleet(server);
  const page = await open(t, server, { colorScheme: scheme });
  await node(page, worker, "degraded").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
  await axe(page, "the canvas");
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByTestId("list-row").first().waitFor();
  await axe(page, "the list");
  for (const tab of TABS) {
    await page.goto(`${server.address}/#/w/${lead}/${tab}`);
    await page.getByRole("tab", { selected: true, name: new RegExp(`^${tab}$`, "i") }).waitFor();
    await page.getByRole("tabpanel").waitFor();
    await axe(page, `the tab ${tab}`);
  }
  await page.goto(`${server.address}/#/`);
  for (const [entry, heading] of [
    ["Approvals", /Approvals/],
    ["Runtime", /Runtime/],
    ["Keys", /Keys/],
  ]) {
    await menu(page, entry);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await axe(page, entry);
  }
  await menu(page, "Canvas");
  await page.getByRole("button", { name: "New workspace" }).click();
  await page.getByRole("dialog").waitFor();
  await axe(page, "the create dialog");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").waitFor();
  await axe(page, "the palette");
}

export const axe_finds_nothing_in_light = (t, mode) => axe_everywhere(t, mode, "light");
export const axe_finds_nothing_in_dark = (t, mode) => axe_everywhere(t, mode, "dark");

export async function nothing_an_agent_writes_is_more_than_text(t, mode) {
  const server = await Server.start(t, mode);
  const script = "<img src=x onerror=\"globalThis.hit='yes'\"><script>globalThis.hit='yes'</script>";
  const long = "W".repeat(255);
  const bidi = "\u202Egnp.exe\u202C\u2066";
  const card = {
    name: script,
    description: `${script}${"\n".repeat(500)}${"long".repeat(2_000)}`,
    url: "javascript:globalThis.hit='yes'",
    version: { not: "a text" },
    provider: { organization: script, url: "javascript:globalThis.hit='yes'" },
    skills: [{ id: script, name: script, tags: [script, 5, null] }, null, "text", { name: 7 }],
    capabilities: "none",
  };
  const hostile = await server.external({ name: "<script src=x:globalThis.hit" }, card);
  const second = await server.external({ name: long, role: bidi });
  await hostile.beat({ error_rate: 0.9, sample_error: script, current_task: script });
  const page = await open(t, server);
  await node(page, hostile.id, "degraded").waitFor();
  await node(page, second.id).waitFor();
  for (const tab of TABS) {
    await page.goto(`${server.address}/#/w/${hostile.id}/${tab}`);
    await page.getByRole("tabpanel").waitFor();
    assert.equal(await page.evaluate(() => globalThis.hit), undefined, tab);
    const links = await page.locator("a[href^='javascript:']").count();
    assert.equal(links, 0, "an address that runs is no link");
  }
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByTestId("list-row").first().waitFor();
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 740 });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(overflow <= 0, `at ${width} pixels the page is ${overflow} too wide`);
  }
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
}
