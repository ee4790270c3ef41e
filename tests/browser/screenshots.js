/**
 * Makes the pictures of docs/images: `npm run screenshots`, with target/debug/isomer built and
 * Chromium at /usr/bin/chromium or CHROMIUM.
 */

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { close, launch, open } from "./support/browser.js";
import { menu, node } from "./support/chart.js";
import { Server } from "./support/server.js";

const IMAGES = path.resolve(import.meta.dirname, "../../docs/images");

const ends = [];
const t = { name: "screenshots", after: (end) => ends.unshift(end) };

const card = (description, ...skills) => ({
  name: "Agent",
  description,
  version: "1.0.0",
  capabilities: { streaming: true },
  skills: skills.map((name) => ({ id: name, name, description: name, tags: ["text"] })),
});

async function team(server, lead, members) {
  const head = await server.external(lead.is, lead.card);
  await head.beat(lead.beat);
  const ids = [head.id];
  for (const member of members) {
    const one = await server.external({ ...member.is, parent_id: head.id }, member.card);
    await one.beat(member.beat);
    ids.push(one.id);
  }
  return ids;
}

async function organisation(server) {
  const research = await team(
    server,
    {
      is: { name: "Research", role: "Plans and reviews research" },
      card: card("Plans", "Planning", "Review", "Budget"),
      beat: { active_tasks: 1, current_task: "Reviewing the outline", uptime_seconds: 86_400 },
    },
    [
      {
        is: { name: "Reader", role: "Reads papers, takes notes" },
        card: card("Reads", "Summaries", "Citations"),
        beat: { active_tasks: 1, current_task: "Reading three papers", uptime_seconds: 43_000 },
      },
      {
        is: { name: "Writer", role: "Writes summaries" },
        card: card("Writes", "Writing"),
        beat: { error_rate: 0.62, sample_error: "the model is overloaded", uptime_seconds: 3_600 },
      },
      {
        is: { name: "Critic", role: "Finds what is wrong" },
        card: card("Checks", "Fact checks"),
        beat: { uptime_seconds: 7_200 },
      },
    ],
  );
  await team(
    server,
    {
      is: { name: "Operations", role: "Keeps things running", tier: 2 },
      card: card("Operates", "On call"),
      beat: { uptime_seconds: 500_000 },
    },
    [
      {
        is: { name: "Watch", role: "Looks at dashboards" },
        card: card("Watches", "Alerts"),
        beat: { active_tasks: 1, current_task: "Watching error budgets", uptime_seconds: 95 },
      },
      {
        is: { name: "Deploy", role: "Ships releases" },
        card: card("Ships", "Rollouts"),
        beat: { uptime_seconds: 12_000 },
      },
    ],
  );
  await server.create({ name: "Scout", role: "Looks things up", runtime: "isomer" });
  const request = { action: "Publish the report", reason: "Both reviews are done" };
  await server.api("POST", `/workspaces/${research[3]}/approvals`, request);
  const night = { name: "Night shift", role: "Works at night", parent_id: research[0] };
  const away = await server.create({ ...night, external: true });
  for (const text of ["Summarise today's notes", "Check the citations"]) {
    const message = { role: "user", parts: [{ kind: "text", text }] };
    const body = { method: "message/send", params: { message } };
    await server.api("POST", `/workspaces/${away}/a2a`, body);
  }
  return { reader: research[1] };
}

async function shoot(server, scheme, { reader }) {
  const page = await open(t, server, { colorScheme: scheme, viewport: { width: 1440, height: 860 } });
  const save = (name) => page.screenshot({ path: path.join(IMAGES, `${name}-${scheme}.png`) });
  await node(page, reader).waitFor();
  await page.locator('[data-testid="node"][data-status="online"]').last().waitFor();
  await page.getByRole("button", { name: "Show everything" }).click();
  await node(page, reader).click();
  await page.getByRole("tab", { name: "Overview", selected: true }).waitFor();
  await save("canvas");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.getByTestId("list-row").first().waitFor();
  await save("list");
  await menu(page, "Runtime");
  await page.getByRole("heading", { name: "Supervision tree" }).waitFor();
  await save("runtime");
  await menu(page, "Keys");
  await page.getByRole("heading", { name: "How custody stands" }).waitFor();
  await save("keys");
}

await mkdir(IMAGES, { recursive: true });
await launch();
try {
  const key = { SECRETS_ENCRYPTION_KEY: "an example key of 32 characters." };
  const server = await Server.start(t, "embedded", key);
  const ids = await organisation(server);
  await server.api("PUT", `/workspaces/${ids.reader}/secrets`, { key: "A_KEY", value: "example" });
  for (const scheme of ["light", "dark"]) await shoot(server, scheme, ids);
} finally {
  for (const end of ends) await end();
  await close();
}
