import { useEffect, useRef, useState } from "react";
import { usePast } from "../store/past";

/** Moments are read once the hand rests for so long. */
const REST_MS = 150;

export interface Scrub {
  /** The moment of the thumb; `null` is now. */
  at: number | null;
  to(at: number | null): void;
}

/** Where the thumb is: at once where the hand puts it, and the organisation follows. */
export function useScrub(): Scrub {
  const moment = usePast((past) => past.moment?.at ?? null);
  const wanted = usePast((past) => past.wanted);
  const [hand, setHand] = useState<{ at: number | null } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  // Back to now from elsewhere takes the thumb along.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another moment is shown
  useEffect(() => setHand(null), [moment]);
  return {
    at: hand ? hand.at : (wanted ?? moment),
    to(at) {
      clearTimeout(timer.current);
      if (at === null) {
        setHand(null);
        return usePast.getState().live();
      }
      setHand({ at });
      timer.current = setTimeout(() => {
        void usePast
          .getState()
          .go(at)
          .then(() => setHand((now) => (now?.at === at ? null : now)));
      }, REST_MS);
    },
  };
}
