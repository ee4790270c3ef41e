/** The recorded events of a workspace: the newest, older ones on request, and those that come. */

import { useCallback, useEffect, useState } from "react";
import { events } from "../../api/calls";
import type { LiveEvent, RecordedEvent } from "../../api/types";
import { onEvent } from "../../live/follow";
import { joined } from "./types";

const PAGE = 50;
/** The most that one question may ask for: where many events have the same time. */
const MAX_PAGE = 1_000;
/** Events kept in a list. Live ones push the oldest out; older ones are read no further. */
export const KEPT = 2_000;

export interface Events {
  list: readonly RecordedEvent[];
  /** Whether there may be older ones. */
  more: boolean;
  busy: boolean;
  error: unknown;
  older(): void;
  reload(): void;
}

interface Held {
  list: RecordedEvent[];
  more: boolean;
}

/** `types`: only these, every type when empty. `until`: up to then, and nothing live. */
export function useEvents(id: string, types: readonly string[], until: string | null): Events {
  const [held, setHeld] = useState<Held>({ list: [], more: true });
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  const wanted = types.join(",");

  const read = useCallback(
    (before: string | null, limit: number) =>
      events({
        workspace: id,
        limit,
        ...(wanted ? { types: wanted.split(",") } : {}),
        ...(before ? { until: before } : {}),
      }),
    [id, wanted],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a wish to read again.
  useEffect(() => {
    let current = true;
    setHeld({ list: [], more: true });
    setBusy(true);
    read(until, PAGE)
      .then(
        (list) => {
          if (!current) return;
          setError(undefined);
          setHeld((was) => ({ list: joined(was.list, list), more: list.length === PAGE }));
        },
        (failure) => current && setError(failure),
      )
      .finally(() => current && setBusy(false));
    const stop = until === null ? onEvent((event) => add(event)) : () => {};
    const add = (event: LiveEvent) => {
      const one = recorded(event);
      if (!one || one.workspace_id !== id) return;
      if (wanted && !wanted.split(",").includes(one.event_type)) return;
      setHeld((was) => ({ ...was, list: joined([one], was.list).slice(0, KEPT) }));
    };
    return () => {
      current = false;
      stop();
    };
  }, [read, id, wanted, until, round]);

  const older = async () => {
    const last = held.list.at(-1);
    if (!last) return;
    setBusy(true);
    try {
      let page = await read(last.created_at, PAGE);
      // The limit is a time, and the last event has it too.
      const known = new Set(held.list.map((event) => event.seq));
      if (page.length === PAGE && page.every((event) => known.has(event.seq))) {
        page = await read(last.created_at, MAX_PAGE);
      }
      const full = page.length === PAGE || page.length === MAX_PAGE;
      setError(undefined);
      setHeld((was) => {
        const list = joined(was.list, page).slice(0, KEPT);
        return { list, more: full && list.length > was.list.length && list.length < KEPT };
      });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  const reload = () => setRound((one) => one + 1);
  return { ...held, busy, error, older: () => void older(), reload };
}

/** A live frame as the list has it; `undefined` for frames that are not recorded. */
function recorded(event: LiveEvent): RecordedEvent | undefined {
  if (event.seq === undefined) return undefined;
  return {
    id: String(event.seq),
    seq: event.seq,
    event_type: event.event,
    workspace_id: event.workspace_id,
    payload: event.payload,
    created_at: event.timestamp,
  };
}
