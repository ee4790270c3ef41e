/** Reading from the server in a view: once for a key, or again and again while it is looked at. */

import { useCallback, useEffect, useRef, useState } from "react";

export interface Loaded<T> {
  /** What was read last; kept while it is read again, dropped when the key changes. */
  data: T | undefined;
  /** Why the last reading failed. */
  error: unknown;
  reload(): void;
}

interface Reading<T> {
  key: string;
  data?: T;
  error?: unknown;
}

/** Reads once for every `key`. An answer that comes after the key has changed is dropped. */
export function useLoad<T>(key: string, read: () => Promise<T>): Loaded<T> {
  const latest = useRef(read);
  latest.current = read;
  const [reading, setReading] = useState<Reading<T>>({ key });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a wish to read again.
  useEffect(() => {
    let wanted = true;
    latest.current().then(
      (data) => wanted && setReading({ key, data }),
      (error: unknown) =>
        wanted &&
        setReading((was) => ({ key, error, ...(was.key === key ? { data: was.data } : {}) })),
    );
    return () => {
      wanted = false;
    };
  }, [key, round]);
  const reload = useCallback(() => setRound((one) => one + 1), []);
  const own = reading.key === key;
  return { data: own ? reading.data : undefined, error: own ? reading.error : undefined, reload };
}

/**
 * Reads every `every` milliseconds, the next one after the last has ended, and not while the page
 * is hidden.
 */
export function usePolled<T>(key: string, every: number, read: () => Promise<T>): Loaded<T> {
  const loaded = useLoad(key, read);
  const { data, error, reload } = loaded;
  // Every answer starts the next wait.
  useEffect(() => {
    if (data === undefined && error === undefined) return;
    const again = () => document.visibilityState === "visible" && reload();
    const timer = setTimeout(again, every);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [data, error, every, reload]);
  return loaded;
}
