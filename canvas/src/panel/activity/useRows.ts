import { useCallback, useEffect, useRef, useState } from "react";
import { type ActivityFilter, type ActivityRow, activity, searchSession } from "../../api/talk";
import { useLoad } from "../../kit/load";
import { useAgain } from "../../live/again";
import { type Held, NOTHING, withNewest, withOlder } from "./list";

const PAGE = 50;
/** The most that a search finds. */
export const FOUND = 200;

export interface Rows {
  rows: readonly ActivityRow[];
  more: boolean;
  busy: boolean;
  error: unknown;
  older(): void;
  reload(): void;
}

/** The log of a workspace, live. */
export function useRows(id: string, filter: ActivityFilter): Rows {
  const [held, setHeld] = useState<Held>(NOTHING);
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState<unknown>();
  const key = JSON.stringify([id, filter]);
  // An answer that comes after the question has changed is dropped.
  const asked = useRef(key);

  const read = useCallback(
    async (cursor: string | null) => {
      const [of, wanted] = JSON.parse(key) as [string, ActivityFilter];
      setBusy(true);
      try {
        const page = await activity(of, wanted, PAGE, cursor);
        if (asked.current !== key) return;
        setError(undefined);
        setHeld((was) => (cursor === null ? withNewest(was, page) : withOlder(was, page)));
      } catch (failure) {
        if (asked.current === key) setError(failure);
      } finally {
        if (asked.current === key) setBusy(false);
      }
    },
    [key],
  );

  useEffect(() => {
    asked.current = key;
    setHeld(NOTHING);
    setError(undefined);
    void read(null);
  }, [key, read]);
  useAgain(
    () => void read(null),
    (event) =>
      event.workspace_id === id &&
      (event.event === "ACTIVITY_LOGGED" || event.event.startsWith("DELEGATION_")),
  );
  return {
    rows: held.rows,
    more: held.next !== null,
    busy,
    error,
    older: () => void read(held.next),
    reload: () => void read(null),
  };
}

/** What is found of a workspace. Nothing is asked for while `text` is empty. */
export function useFound(id: string, text: string): Rows {
  const { data, error, reload } = useLoad(`search ${id} ${text}`, () =>
    text === "" ? Promise.resolve([]) : searchSession(id, text, FOUND),
  );
  return {
    rows: data ?? [],
    more: false,
    busy: data === undefined && error === undefined,
    error,
    older: () => {},
    reload,
  };
}

/** `text` when it has been still for a moment. */
export function useSettled(text: string, afterMs = 300): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), afterMs);
    return () => clearTimeout(timer);
  }, [text, afterMs]);
  return settled;
}
