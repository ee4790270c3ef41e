/** The hash that server and browser must agree on (`GET /canvas/digest`). */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Org } from "./org";

/** SHA-256, in hex, over one JSON line for each workspace, by id. */
export function digestOf(org: Org): string {
  const hash = sha256.create();
  const encoder = new TextEncoder();
  for (const id of Object.keys(org).sort()) {
    const w = org[id];
    if (!w) continue;
    const line = [w.id, w.name, w.role || null, w.status, w.tier, w.runtime, w.parent_id];
    hash.update(encoder.encode(`${JSON.stringify(line)}\n`));
  }
  return bytesToHex(hash.digest());
}
