import { create } from "zustand";

/** Workspaces for which a new parent is being looked for; `null`: none. */
export const usePicking = create<{ ids: readonly string[] | null }>(() => ({ ids: null }));

/** Asks whom `ids` shall report to, then shows what that would change. */
export function pickParent(ids: readonly string[]): void {
  usePicking.setState({ ids });
}
