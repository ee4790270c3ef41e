/** How the line to the server is. */

import { create } from "zustand";

export interface Connection {
  /** `connecting` until the first list; `locked` when the session has ended. */
  state: "connecting" | "live" | "lost" | "locked";
  /** When anything was last heard, in milliseconds of Unix time. */
  heardAt: number;
  /** When the line was lost; `null` while there is one. */
  lostAt: number | null;
  /** When the digest was last compared, and whether it was the same. */
  verifiedAt: number | null;
  repaired: number;
  connected(): void;
  heard(): void;
  lost(): void;
  locked(): void;
  verified(same: boolean | undefined): void;
}

export const useConnection = create<Connection>((set) => ({
  state: "connecting",
  heardAt: Date.now(),
  lostAt: null,
  verifiedAt: null,
  repaired: 0,
  connected: () => set({ state: "live", lostAt: null, heardAt: Date.now() }),
  heard: () => set({ heardAt: Date.now() }),
  lost: () => set((was) => ({ state: "lost", lostAt: was.lostAt ?? Date.now() })),
  locked: () => set({ state: "locked" }),
  verified: (same) =>
    set((was) => ({
      verifiedAt: same === undefined ? was.verifiedAt : Date.now(),
      repaired: was.repaired + (same === false ? 1 : 0),
    })),
}));
