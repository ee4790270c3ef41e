import { create } from "zustand";
import { recall, remember } from "../store/kept";

const KEY = "isomer.timeline";

interface TimelineState {
  open: boolean;
  /** Whether two moments are being compared. */
  comparing: boolean;
  toggle(): void;
  compare(on: boolean): void;
}

export const useTimeline = create<TimelineState>((set, get) => ({
  // Where there is little room, it waits until somebody wants it.
  open: (recall(KEY) ?? (innerWidth < 768 ? "closed" : "open")) === "open",
  comparing: false,
  toggle() {
    const open = !get().open;
    remember(KEY, open ? "open" : "closed");
    set({ open });
  },
  compare: (comparing) => set({ comparing }),
}));
