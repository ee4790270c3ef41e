/** Finds workspaces by what a person types. Pure. */

import type { Workspace } from "../api/types";
import type { Org } from "./org";

/** How well `query` fits: every word of it must be somewhere; 0 when one is not. */
export function scoreOf(texts: readonly string[], query: string): number {
  let total = 0;
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    let best = 0;
    for (const [index, text] of texts.entries()) {
      const at = text.toLowerCase().indexOf(word);
      if (at < 0) continue;
      const whole = at === 0 && text.length === word.length;
      const edge = at === 0 || /[\s\-_.:/]/.test(text[at - 1] ?? "");
      best = Math.max(best, (whole ? 8 : at === 0 ? 6 : edge ? 4 : 2) / (index + 1));
    }
    if (best === 0) return 0;
    total += best;
  }
  return total;
}

export interface Found {
  best: readonly Workspace[];
  /** How many fit, listed or not. */
  total: number;
}

/** The best `limit` workspaces by name, role or id; by name when nothing is asked for. */
export function find(
  org: Org,
  query: string,
  limit: number,
  allowed: (id: string) => boolean = () => true,
): Found {
  const asked = query.trim() !== "";
  const fitting: { workspace: Workspace; score: number }[] = [];
  for (const workspace of Object.values(org)) {
    if (!allowed(workspace.id)) continue;
    const score = asked ? scoreOf([workspace.name, workspace.role ?? "", workspace.id], query) : 1;
    if (score > 0) fitting.push({ workspace, score });
  }
  fitting.sort(
    (a, b) =>
      b.score - a.score ||
      compare(a.workspace.name, b.workspace.name) ||
      compare(a.workspace.id, b.workspace.id),
  );
  return { best: fitting.slice(0, limit).map((one) => one.workspace), total: fitting.length };
}

// Not by locale: with thousands of names that takes longer than a key press may.
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
