/**
 * Follows the organisation: reads it once, then every event by sequence over `/ws`.
 *
 * Events are gathered and applied once per animation frame. After an interruption it resumes where
 * it stopped; nothing is read twice and nothing is missed. Once a minute the digest of what is
 * shown is compared with the server's, and repaired when they differ.
 */

import * as api from "../api/calls";
import { ApiError } from "../api/http";
import type { LiveEvent } from "../api/types";
import { useOrg } from "../store/org";
import { useConnection } from "./connection";
import { Reads } from "./reads";
import { verify } from "./verify";

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;
/** Nothing, not even a beat, for this long: the line may be dead. Checked with a request. */
const QUIET_MS = 35_000;
const VERIFY_MS = 60_000;
/** While the page is hidden there are no animation frames. */
const HIDDEN_FLUSH_MS = 500;
/** Events waiting for a frame; more means that reading everything anew is cheaper. */
const MAX_WAITING = 20_000;
/** Unknown workspaces that are read one by one. */
const MAX_READ = 20;

export class Follower {
  private socket: WebSocket | null = null;
  private waiting: LiveEvent[] = [];
  private readonly reads = new Reads();
  private scheduled = false;
  private wait = FIRST_WAIT_MS;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private timers: ReturnType<typeof setInterval>[] = [];
  private stopped = false;
  private hydrated = false;

  /** Starts, or starts again after `stop`. */
  start(): void {
    this.stopped = false;
    void this.connect();
    this.timers.push(setInterval(() => this.checkQuiet(), 5_000));
    this.timers.push(setInterval(() => void this.verify(), VERIFY_MS));
    addEventListener("online", this.now);
    document.addEventListener("visibilitychange", this.now);
  }

  /** Ends everything. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    this.timers.forEach(clearInterval);
    removeEventListener("online", this.now);
    document.removeEventListener("visibilitychange", this.now);
    this.socket?.close();
  }

  /** Reads everything anew and follows from there. */
  async rehydrate(): Promise<void> {
    const { workspaces, seq } = await api.listWorkspaces();
    this.waiting = this.waiting.filter((event) => (event.seq ?? 0) > seq);
    this.reads.voidAll();
    useOrg.getState().hydrate(workspaces, seq);
    this.hydrated = true;
  }

  /** Compares what is shown with what the server has; repairs a difference. */
  async verify(): Promise<void> {
    if (!this.hydrated || useConnection.getState().state !== "live") return;
    const same = await verify().catch(() => undefined);
    useConnection.getState().verified(same);
    if (same === false) await this.rehydrate().catch(() => {});
  }

  private now = () => {
    if (document.visibilityState === "hidden" || this.socket !== null || this.stopped) return;
    clearTimeout(this.retry);
    void this.connect();
  };

  private async connect(): Promise<void> {
    const connection = useConnection.getState();
    try {
      if (!this.hydrated) await this.rehydrate();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return connection.locked();
      return this.later();
    }
    if (this.stopped || this.socket !== null) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const since = useOrg.getState().seq;
    const socket = new WebSocket(`${scheme}://${location.host}/ws?since=${since}`);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      useConnection.getState().connected();
    };
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.flush();
      this.later();
    };
  }

  private later(): void {
    if (this.stopped) return;
    useConnection.getState().lost();
    clearTimeout(this.retry);
    // Jitter: a fleet of browsers must not come back in the same moment.
    this.retry = setTimeout(() => void this.probe(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, MAX_WAIT_MS);
  }

  /** A WebSocket hides why it was refused; a request tells. */
  private async probe(): Promise<void> {
    try {
      await api.info();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        return useConnection.getState().locked();
      }
    }
    await this.connect();
  }

  private hear(data: unknown): void {
    useConnection.getState().heard();
    const event = parse(data);
    if (event === undefined) return;
    this.waiting.push(event);
    if (this.waiting.length > MAX_WAITING) {
      this.waiting = [];
      void this.rehydrate().catch(() => this.socket?.close());
    }
    if (this.scheduled) return;
    this.scheduled = true;
    if (document.visibilityState === "hidden") setTimeout(() => this.flush(), HIDDEN_FLUSH_MS);
    else requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    this.scheduled = false;
    if (this.waiting.length === 0) return;
    const events = this.waiting;
    this.waiting = [];
    const unknown = useOrg.getState().receive(events);
    for (const { event, workspace_id } of events) {
      if (event === "WORKSPACE_REMOVED") this.reads.void(workspace_id);
    }
    for (const event of events) for (const listener of listeners) listener(event);
    if (unknown.size > 0) void this.read([...unknown]);
  }

  private async read(ids: string[]): Promise<void> {
    if (ids.length > MAX_READ) return this.rehydrate().catch(() => {});
    const number = this.reads.begin(ids);
    const read = await Promise.allSettled(ids.map((id) => api.getWorkspace(id)));
    const found = read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    useOrg.getState().put(
      this.reads
        .end(number, ids, found)
        .filter((workspace) => workspace.status !== "removed")
        // The single object leaves out what strangers must not see.
        .map((workspace) => ({ ...workspace, current_task: "", last_sample_error: "" })),
    );
  }

  private checkQuiet(): void {
    const { state, heardAt } = useConnection.getState();
    if (state === "live" && Date.now() - heardAt > QUIET_MS) {
      // An empty fleet is quiet too: ask before giving the line up.
      void api.info().then(
        () => useConnection.getState().heard(),
        () => this.socket?.close(),
      );
    }
  }
}

type Listener = (event: LiveEvent) => void;
const listeners = new Set<Listener>();

/** Calls `listener` for every event after it was applied; returns how to stop it. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function parse(data: unknown): LiveEvent | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const event = JSON.parse(data) as LiveEvent;
    return typeof event.event === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

export const follower = new Follower();
