import { useEffect, useState } from "react";
import { histogram } from "../api/calls";
import type { Histogram } from "../api/types";
import { onEvent } from "../live/follow";

export const BUCKETS = 120;
/** After an event, the histogram is read again at most this often. */
const EVERY_MS = 5_000;
/** Events come in bursts: the first of one waits for those that belong to it. */
const BURST_MS = 250;

export interface History {
  data: Histogram | null;
  /** Why it could not be read; `null` when it was. */
  failed: string | null;
}

/** How many events happened when, kept up to date while `active`. */
export function useHistogram(active: boolean): History {
  const [history, setHistory] = useState<History>({ data: null, failed: null });
  useEffect(() => {
    if (!active) return;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let readAt = 0;
    let empty = true;
    const read = async () => {
      readAt = Date.now();
      try {
        const data = await histogram(BUCKETS);
        empty = data.first_at === null;
        if (!ended) setHistory({ data, failed: null });
      } catch (error) {
        const failed = error instanceof Error ? error.message : String(error);
        if (!ended) setHistory((was) => ({ ...was, failed }));
      }
    };
    void read();
    const stop = onEvent((event) => {
      if (event.seq === undefined) return;
      timer ??= setTimeout(
        () => {
          timer = undefined;
          void read();
        },
        empty ? BURST_MS : Math.max(BURST_MS, readAt + EVERY_MS - Date.now()),
      );
    });
    return () => {
      ended = true;
      stop();
      clearTimeout(timer);
    };
  }, [active]);
  return history;
}
