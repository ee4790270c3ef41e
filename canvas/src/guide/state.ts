import { create } from "zustand";
import { recall, remember } from "../store/kept";

const KEY = "isomer.guide";

export const STEPS = ["online", "message", "revive", "events"] as const;
export type Step = (typeof STEPS)[number];

interface Kept {
  dismissed: boolean;
  /** Somebody began it here: it stays until it is dismissed. */
  begun: boolean;
  done: readonly Step[];
}

interface GuideState extends Kept {
  /** The workspace that the steps speak of, and when it was asked for. */
  made: { id: string; at: number } | null;
  begin(id: string): void;
  finish(step: Step): void;
  dismiss(): void;
  reopen(): void;
}

export const useGuide = create<GuideState>((set, get) => {
  const keep = (change: Partial<GuideState>) => {
    set(change);
    const { dismissed, begun, done } = get();
    remember(KEY, JSON.stringify({ dismissed, begun, done }));
  };
  return {
    ...kept(),
    made: null,
    begin: (id) => keep({ made: { id, at: Date.now() }, begun: true, dismissed: false, done: [] }),
    finish: (step) => {
      if (!get().done.includes(step)) keep({ done: [...get().done, step] });
    },
    dismiss: () => keep({ dismissed: true }),
    reopen: () => keep({ dismissed: false, begun: true, done: [] }),
  };
});

function kept(): Kept {
  try {
    const value = JSON.parse(recall(KEY) ?? "{}") as Partial<Record<keyof Kept, unknown>>;
    const done = Array.isArray(value.done) ? value.done : [];
    return {
      dismissed: value.dismissed === true,
      begun: value.begun === true,
      done: STEPS.filter((step) => done.includes(step)),
    };
  } catch {
    return { dismissed: false, begun: false, done: [] };
  }
}
