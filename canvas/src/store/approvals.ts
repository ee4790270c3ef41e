/** What waits for a person's yes: read when events say so, and gone when its time is over. */

import { create } from "zustand";
import { ApiError } from "../api/http";
import { type Approval, pendingApprovals } from "../api/talk";
import { gathered } from "../live/again";
import { useConnection } from "../live/connection";
import { onEvent } from "../live/follow";

/** The server lists at most so many. */
export const LISTED = 50;
/** Read this often while something waits: not everything is told that ends a request. */
const EVERY_MS = 60_000;

export interface ApprovalsState {
  /** Those asked first come first. */
  list: readonly Approval[];
  /** How many of each workspace. */
  waiting: Readonly<Record<string, number>>;
  /** Whether the list was read once. */
  ready: boolean;
  /** Why the last reading failed. */
  error: unknown;
}

export const useApprovals = create<ApprovalsState>(() => ({
  list: [],
  waiting: {},
  ready: false,
  error: undefined,
}));

/** How many requests of a workspace wait. */
export const useWaitingApprovals = (id: string) => useApprovals((state) => state.waiting[id] ?? 0);

export function countsOf(list: readonly Approval[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { workspace_id: id } of list) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

/** When a request ends by itself, in milliseconds of Unix time. */
export function endOf(approval: Approval): number {
  const end = Date.parse(approval.expires_at ?? "");
  return Number.isNaN(end) ? Number.POSITIVE_INFINITY : end;
}

/** Those that still wait at `now`, the oldest first. */
export function pendingAt(list: readonly Approval[], now: number): Approval[] {
  return list
    .filter((one) => one.status === "pending" && endOf(one) > now)
    .sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at) || (a.id < b.id ? -1 : 1));
}

function put(list: readonly Approval[], now: number): void {
  const pending = pendingAt(list, now);
  useApprovals.setState({ list: pending, waiting: countsOf(pending) });
}

/** Reads the list. Never fails: why it could not be read becomes part of the state. */
export async function readApprovals(): Promise<void> {
  try {
    put(await pendingApprovals(), Date.now());
    useApprovals.setState({ ready: true, error: undefined });
  } catch (error) {
    // A server without approvals has none.
    const none = error instanceof ApiError && error.status === 404;
    useApprovals.setState(none ? { ready: true, error: undefined } : { ready: true, error });
  }
}

/** Follows what waits; returns how to stop. */
export function followApprovals(): () => void {
  const { soon, stop } = gathered(() => void readApprovals());
  const tidy = setInterval(() => {
    const { list } = useApprovals.getState();
    const left = pendingAt(list, Date.now());
    if (left.length === list.length) return;
    put(left, Date.now());
    soon();
  }, 1_000);
  const again = setInterval(() => {
    if (useApprovals.getState().list.length > 0 && document.visibilityState === "visible") soon();
  }, EVERY_MS);
  const stops = [
    onEvent((event) => {
      const ours = event.event.startsWith("APPROVAL_") && event.event !== "APPROVAL_ESCALATED";
      if (ours || event.event === "WORKSPACE_REMOVED") soon();
    }),
    // The first time when there is a line, and whenever it is back.
    useConnection.subscribe((now, before) => {
      if (now.state === "live" && before.state !== "live") soon();
    }),
  ];
  if (useConnection.getState().state === "live") soon();
  return () => {
    stop();
    clearInterval(tidy);
    clearInterval(again);
    for (const one of stops) one();
  };
}
