/** Reading again: when events say so, and when the line is back, since not every event is replayed. */

import { useEffect, useRef } from "react";
import type { LiveEvent } from "../api/types";
import { useConnection } from "./connection";
import { onEvent } from "./follow";

/** Events of one burst are one reading. */
const GATHERED_MS = 300;

/** Calls `listener` whenever a lost line is back; returns how to stop it. */
export function onReturn(listener: () => void): () => void {
  return useConnection.subscribe((now, before) => {
    if (now.state === "live" && before.state === "lost") listener();
  });
}

/**
 * Returns a function that runs `act` soon, once for all calls until then: at the latest
 * `waitMs` after the first.
 */
export function gathered(act: () => void, waitMs = GATHERED_MS): { soon(): void; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    soon() {
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, waitMs);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** Calls `read` soon after an event that `tells`, and when a lost line is back. */
export function useAgain(read: () => void, tells: (event: LiveEvent) => boolean): void {
  const latest = useRef({ read, tells });
  latest.current = { read, tells };
  useEffect(() => {
    const { soon, stop } = gathered(() => latest.current.read());
    const deaf = onEvent((event) => latest.current.tells(event) && soon());
    const gone = onReturn(soon);
    return () => {
      stop();
      deaf();
      gone();
    };
  }, []);
}
