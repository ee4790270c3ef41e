/** Reads the log of a workspace, and goes on reading while it is followed. */

import { useCallback, useEffect, useState } from "react";
import { followLog, logTail } from "../../api/lifecycle";
import { useWorkspace } from "../../store/org";
import { append, type Buffer, EMPTY, finish } from "./buffer";

/** Everything that comes within this is drawn at once; in milliseconds. */
const DRAWN_MS = 100;
/** The wait before a stream that broke is taken up again. */
const AGAIN_MS = 3_000;

export interface Log {
  buffer: Buffer;
  /** Why it could not be read. */
  error: unknown;
  state: "reading" | "following" | "ended";
  clear(): void;
  again(): void;
}

export function useLog(id: string, tail: number, follow: boolean): Log {
  const [buffer, setBuffer] = useState(EMPTY);
  const [error, setError] = useState<unknown>();
  const [state, setState] = useState<Log["state"]>("reading");
  const [round, setRound] = useState(0);
  // An agent that has started writes a new log.
  const status = useWorkspace(id)?.status;
  const there = status === "online" || status === "degraded" || status === "provisioning";
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a wish to read again
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState("reading");
    const read = follow ? reader(id, tail, signal) : once(id, tail);
    const run = async () => {
      let now = EMPTY;
      let drawn = false;
      const draw = () => {
        timer = undefined;
        if (!signal.aborted) setBuffer(now);
      };
      for await (const text of read) {
        if (signal.aborted) return;
        now = append(now, text);
        setError(undefined);
        setState(follow ? "following" : "reading");
        if (!drawn) draw();
        drawn = true;
        timer ??= setTimeout(draw, DRAWN_MS);
      }
      clearTimeout(timer);
      now = finish(now);
      draw();
      setError(undefined);
      setState("ended");
    };
    run().catch((failure: unknown) => {
      if (signal.aborted) return;
      setError(failure);
      setState("ended");
    });
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [id, tail, follow, there, round]);
  // A stream that ends while its agent runs was cut: the server went, or the agent started again.
  useEffect(() => {
    if (state !== "ended" || !follow || !there) return;
    const timer = setTimeout(() => setRound((one) => one + 1), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [state, follow, there]);
  const again = useCallback(() => setRound((one) => one + 1), []);
  const clear = useCallback(() => setBuffer((was) => ({ ...EMPTY, next: was.next })), []);
  return { buffer, error, state, again, clear };
}

async function* once(id: string, tail: number) {
  yield await logTail(id, tail);
}

async function* reader(id: string, tail: number, signal: AbortSignal) {
  const stream = (await followLog(id, tail, signal)).pipeThrough(new TextDecoderStream() as never);
  const source = (stream as ReadableStream<string>).getReader();
  // What is there is shown even when nothing has been written yet.
  yield "";
  for (;;) {
    const { done, value } = await source.read();
    if (done) return;
    yield value;
  }
}
