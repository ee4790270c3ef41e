/** What a person has entered, and what of it is a change. Pure. */

import type { PatchWorkspace, Workspace } from "../../api/types";

export interface Draft {
  name: string;
  role: string;
  tier: string;
  runtime: string;
}

export function draftOf({ name, role, tier, runtime }: Workspace): Draft {
  return { name, role: role ?? "", tier: String(tier), runtime };
}

/** Only what differs. A role that is emptied is taken away. */
export function changesOf(workspace: Workspace, draft: Draft): PatchWorkspace {
  const before = draftOf(workspace);
  return {
    ...(draft.name !== before.name ? { name: draft.name } : {}),
    ...(draft.role !== before.role ? { role: draft.role } : {}),
    ...(draft.tier !== before.tier ? { tier: Number(draft.tier) } : {}),
    ...(draft.runtime !== before.runtime ? { runtime: draft.runtime } : {}),
  };
}
