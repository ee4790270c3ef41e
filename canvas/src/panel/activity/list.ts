/** Rows of the activity log: the newest, older ones on request, and those that come. Pure parts. */

import type { ActivityRow, Page } from "../../api/talk";

/** Rows that are kept in a list; older ones are read no further. */
export const KEPT = 2_000;

export interface Held {
  rows: readonly ActivityRow[];
  /** Where older rows begin; `null`: there are none. */
  next: string | null;
}

export const NOTHING: Held = { rows: [], next: null };

/**
 * Takes in the newest page. When it does not reach what is held, more has happened than it holds:
 * then it stands for itself, and what is older is read again from its end.
 */
export function withNewest(held: Held, page: Page<ActivityRow>): Held {
  const known = new Set(held.rows.map((row) => row.id));
  const meets = page.next === null || page.items.some((row) => known.has(row.id));
  if (held.rows.length === 0 || !meets) return { rows: page.items, next: page.next };
  const fresh = page.items.filter((row) => !known.has(row.id));
  return bounded({ rows: [...fresh, ...held.rows], next: held.next });
}

/** Takes in the page after the last row. */
export function withOlder(held: Held, page: Page<ActivityRow>): Held {
  const known = new Set(held.rows.map((row) => row.id));
  const more = page.items.filter((row) => !known.has(row.id));
  return bounded({ rows: [...held.rows, ...more], next: page.next });
}

function bounded({ rows, next }: Held): Held {
  return rows.length > KEPT ? { rows: rows.slice(0, KEPT), next: null } : { rows, next };
}
