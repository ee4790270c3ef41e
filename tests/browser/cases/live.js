/** What happens to agents shows by itself. */

import assert from "node:assert/strict";
import { open, until } from "../support/browser.js";
import { node } from "../support/chart.js";
import { Server } from "../support/server.js";

/** Nobody is judged dead before this many seconds; the shortest that tests use. */
const TTL = { LIVENESS_TTL: "3", REMOTE_LIVENESS_STALE_AFTER: "3" };

export async function an_agents_life_shows_by_itself(t, mode) {
  const server = await Server.start(t, mode, TTL);
  const id = await server.create({ name: "Scout", runtime: "claude-code" });
  const page = await open(t, server);
  await node(page, id, "provisioning").waitFor();
  const agent = await server.agent(id);
  await node(page, id, "online").waitFor();
  agent.kill("SIGKILL");
  await node(page, id, "offline").waitFor();
  await server.agent(id);
  await node(page, id, "online").waitFor();
}

export async function a_change_is_seen_within_a_second(t, mode) {
  const server = await Server.start(t, mode);
  const { id, beat } = await server.external({ name: "Worker" });
  const page = await open(t, server);
  await node(page, id, "online").waitFor();
  // The page notes when the node changes; the commit lies before the answer to the beat.
  await page.evaluate((workspace) => {
    const selector = `[data-workspace="${workspace}"]`;
    new MutationObserver(() => {
      const status = document.querySelector(selector)?.getAttribute("data-status");
      if (status === "degraded") globalThis.seenAt ??= Date.now();
    }).observe(document.body, { attributes: true, subtree: true });
  }, id);
  await beat({ error_rate: 0.9, sample_error: "the model is gone" });
  const answeredAt = Date.now();
  await node(page, id, "degraded").waitFor();
  const seenAt = await page.evaluate(() => globalThis.seenAt);
  t.diagnostic(`from the answer to the screen: ${seenAt - answeredAt} ms`);
  await node(page, id).getByText("90%").waitFor();
  await beat({ error_rate: 0, current_task: "Reading", active_tasks: 1 });
  await node(page, id, "online").waitFor();
  await node(page, id).getByText("Reading").waitFor();
}

export async function a_restarted_server_is_followed_without_reload(t, mode) {
  const server = await Server.start(t, mode);
  const { id } = await server.external({ name: "Worker" });
  const page = await open(t, server);
  await node(page, id, "online").waitFor();
  await page.evaluate(() => {
    globalThis.sameDocument = true;
  });
  await server.signal("SIGKILL");
  await page.getByTestId("lost-banner").waitFor();
  await page.getByTestId("lost-banner").getByText(/old/).waitFor();
  await server.run();
  await page.getByTestId("lost-banner").waitFor({ state: "detached" });
  // What happened since is there, and what happens now arrives.
  const late = await server.create({ name: "Latecomer" });
  await node(page, late).waitFor();
  await server.api("PATCH", `/workspaces/${id}`, { name: "Renamed" });
  await node(page, id).getByText("Renamed").waitFor();
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
}

export async function two_browsers_agree_with_the_server(t, mode) {
  const server = await Server.start(t, mode);
  const lead = await server.create({ name: "Lead" });
  const one = await open(t, server);
  const two = await open(t, server);
  await node(one, lead).waitFor();
  const ids = [];
  for (let n = 0; n < 20; n++) ids.push(await server.create({ name: `M ${n}`, parent_id: lead }));
  await server.api("DELETE", `/workspaces/${ids[3]}`);
  await server.api("PATCH", `/workspaces/${ids[4]}`, { name: "New name", tier: 1 });
  for (const page of [one, two]) {
    let line = "";
    const everyone = async () => {
      line = await page.getByTestId("line").innerText();
      return line.includes("20 workspaces");
    };
    await until("both show everyone", everyone).catch((late) => {
      throw new Error(`${late.message}; shown: ${line}`);
    });
  }
}
