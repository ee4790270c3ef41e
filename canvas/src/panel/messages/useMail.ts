import { useCallback, useEffect, useRef, useState } from "react";
import { type MessageFilter, messages } from "../../api/talk";
import { useAgain } from "../../live/again";
import { onEvent } from "../../live/follow";
import { type Mail, NOTHING, withNewest, withOlder, withState } from "./list";

const PAGE = 50;

export interface MailList extends Mail {
  busy: boolean;
  error: unknown;
  older(): void;
  reload(): void;
}

/** The messages to or from a workspace that had or have to wait, live. */
export function useMail(id: string, filter: MessageFilter): MailList {
  const [held, setHeld] = useState<Mail>(NOTHING);
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState<unknown>();
  const key = JSON.stringify([id, filter]);
  // An answer that comes after the question has changed is dropped.
  const asked = useRef(key);

  const read = useCallback(
    async (cursor: string | null) => {
      const [of, wanted] = JSON.parse(key) as [string, MessageFilter];
      setBusy(true);
      try {
        const page = await messages(of, wanted, PAGE, cursor);
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
  useEffect(() => {
    const [, wanted] = JSON.parse(key) as [string, MessageFilter];
    return onEvent((event) => {
      if (event.event !== "MESSAGE_STATE") return;
      setHeld((was) => withState(was, event.payload, wanted.state));
    });
  }, [key]);
  useAgain(
    () => void read(null),
    (event) => {
      if (event.event !== "MESSAGE_STATE") return false;
      return event.workspace_id === id || event.payload.source_id === id;
    },
  );
  return {
    ...held,
    busy,
    error,
    older: () => void read(held.next),
    reload: () => void read(null),
  };
}
