/** What an agent's card is worth is shown with it. */

import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { axe, open } from "../support/browser.js";
import { Server } from "../support/server.js";

const text = (bytes) => Buffer.from(bytes).toString("base64url");

/** Members of these cards are in the order of the canonical form. */
function signed(card, key, kid) {
  const header = text(JSON.stringify({ alg: "ES256", typ: "JOSE", kid }));
  const message = Buffer.from(`${header}.${text(JSON.stringify(card))}`);
  const signature = sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
  return { ...card, signatures: [{ protected: header, signature: text(signature) }] };
}

export async function the_worth_of_a_signature_is_shown(t, mode) {
  const folder = await mkdtemp(path.join(tmpdir(), "cards-"));
  t.after(() => rm(folder, { recursive: true }));
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const file = path.join(folder, "keys.json");
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "ops-1" }];
  await writeFile(file, JSON.stringify({ keys }));
  const server = await Server.start(t, mode, { A2A_TRUSTED_CARD_KEYS: file });
  const card = { name: "Scout", version: "1" };
  const verified = await server.external({ name: "Verified" }, signed(card, privateKey, "ops-1"));
  const untrusted = await server.external({ name: "Unknown" }, signed(card, privateKey, "x"));
  const unsigned = await server.external({ name: "Plain" }, card);

  const page = await open(t, server);
  for (const [{ id }, state, words] of [
    [verified, "verified", /Verified: a trusted key/],
    [untrusted, "untrusted", /Not verified/],
    [unsigned, "unsigned", /Not signed/],
  ]) {
    await page.goto(`${server.address}/#/w/${id}/card`);
    await page.locator(`[data-signature="${state}"]`).getByText(words).waitFor();
  }
  await page.goto(`${server.address}/#/w/${verified.id}/card`);
  await page.getByText("ops-1").waitFor();
  await axe(page, "a card");
}
