/** What is different between two moments. Pure. */

import type { Workspace } from "../api/types";
import type { Org } from "./org";

const COMPARED = ["name", "role", "status", "tier", "runtime", "parent_id"] as const;
export type Compared = (typeof COMPARED)[number];

export interface Changed {
  id: string;
  before: Workspace;
  after: Workspace;
  fields: Compared[];
}

export interface Difference {
  added: Workspace[];
  removed: Workspace[];
  changed: Changed[];
}

/** Returns what `to` has that `from` has not, and the other way round. */
export function difference(from: Org, to: Org): Difference {
  const result: Difference = { added: [], removed: [], changed: [] };
  for (const [id, after] of Object.entries(to)) {
    const before = from[id];
    if (before === undefined) {
      result.added.push(after);
      continue;
    }
    const fields = COMPARED.filter((field) => (before[field] ?? null) !== (after[field] ?? null));
    if (fields.length > 0) result.changed.push({ id, before, after, fields });
  }
  for (const [id, before] of Object.entries(from)) {
    if (to[id] === undefined) result.removed.push(before);
  }
  return result;
}
