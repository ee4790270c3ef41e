import { useEffect, useState } from "react";
import { onEvent } from "../live/follow";
import { usePlace } from "../nav";
import { useOrg } from "../store/org";
import { useGuide } from "./state";

/** What has been seen of a stop and a return, in milliseconds of Unix time. */
export interface Revival {
  startedAt: number;
  offlineAt: number | null;
  onlineAt: number | null;
}

export interface Progress {
  /** The workspace that the steps speak of. */
  id: string | null;
  /** Seconds until it was first online; `null` when that was not seen. */
  onlineAfter: number | null;
  revival: Revival | null;
  /** Begins to watch for a stop. */
  watch(on: boolean): void;
}

/** Answers of an agent, in whichever way they come. */
const ANSWERS = ["A2A_RESPONSE", "AGENT_MESSAGE"];
const DOWN = ["WORKSPACE_OFFLINE", "WORKSPACE_PROVISIONING", "WORKSPACE_PROVISION_FAILED"];

/** Ticks the steps off as they happen. */
export function useProgress(): Progress {
  const made = useGuide((guide) => guide.made);
  const id = useSubject(made?.id ?? null);
  const online = useOrg((state) => (id ? state.org[id]?.status === "online" : false));
  const finish = useGuide((guide) => guide.finish);
  const [onlineAfter, setOnlineAfter] = useState<number | null>(null);
  const [revival, setRevival] = useState<Revival | null>(null);
  const { workspace, tab } = usePlace();

  useEffect(() => {
    if (online) finish("online");
  }, [online, finish]);
  useEffect(() => {
    if (workspace !== null && tab === "events") finish("events");
  }, [workspace, tab, finish]);
  useEffect(() => {
    if (revival?.onlineAt) finish("revive");
  }, [revival, finish]);
  useEffect(
    () =>
      onEvent((event) => {
        if (event.workspace_id !== id) return;
        const now = Date.now();
        if (ANSWERS.includes(event.event)) finish("message");
        if (event.event === "WORKSPACE_ONLINE" && made?.id === id) {
          setOnlineAfter((was) => was ?? (now - made.at) / 1000);
        }
        setRevival((was) => after(was, event.event, now));
      }),
    [id, made, finish],
  );
  return {
    id,
    onlineAfter,
    revival,
    watch: (on) =>
      setRevival(on ? { startedAt: Date.now(), offlineAt: null, onlineAt: null } : null),
  };
}

/** What is known of a revival after an event. */
export function after(was: Revival | null, event: string, now: number): Revival | null {
  if (!was) return was;
  if (was.offlineAt === null && DOWN.includes(event)) return { ...was, offlineAt: now };
  if (was.offlineAt !== null && was.onlineAt === null && event === "WORKSPACE_ONLINE") {
    return { ...was, onlineAt: now };
  }
  return was;
}

/** The one that was made here; otherwise a built-in one, or simply the first. */
function useSubject(made: string | null): string | null {
  return useOrg(({ org, tree }) => {
    if (made !== null && org[made]) return made;
    return tree.order.find((id) => org[id]?.runtime === "isomer") ?? tree.order[0] ?? null;
  });
}
