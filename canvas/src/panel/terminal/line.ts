/** The line to a terminal: bytes both ways, and its size as text. */

import { ApiError } from "../../api/http";
import { logTail, terminalPath } from "../../api/lifecycle";

export interface Size {
  cols: number;
  rows: number;
}

export type Ended =
  /** The shell has ended. */
  | { kind: "ended" }
  /** The line broke, or never came about; with the reason where one is known. */
  | { kind: "lost" | "refused"; why: string };

export interface Listeners {
  opened(): void;
  received(data: Uint8Array | string): void;
  ended(how: Ended): void;
}

export interface Line {
  send(data: string): void;
  resize(size: Size): void;
  close(): void;
}

/** The shell has ended by itself. */
const NORMAL = 1000;

export function connect(id: string, size: Size, on: Listeners): Line {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(
    `${scheme}://${location.host}${terminalPath(id, size.cols, size.rows)}`,
  );
  socket.binaryType = "arraybuffer";
  const bytes = new TextEncoder();
  let opened = false;
  let closed = false;
  const frame = (data: string | Uint8Array<ArrayBuffer>) =>
    socket.readyState === WebSocket.OPEN && socket.send(data);
  socket.onopen = () => {
    opened = true;
    on.opened();
  };
  socket.onmessage = ({ data }) =>
    on.received(data instanceof ArrayBuffer ? new Uint8Array(data) : String(data));
  socket.onclose = ({ code, reason }) => {
    if (closed) return;
    if (opened && code === NORMAL) return on.ended({ kind: "ended" });
    if (opened) return on.ended({ kind: "lost", why: reason });
    void refusal(id).then((why) => !closed && on.ended({ kind: "refused", why }));
  };
  return {
    // Input is bytes: a text frame could be taken for a size.
    send: (data) => void frame(bytes.encode(data)),
    resize: (next) => void frame(JSON.stringify({ resize: next })),
    close() {
      closed = true;
      socket.close(NORMAL);
    },
  };
}

/** A server tells neither scripts nor sockets why; of its log it tells when nothing runs. */
async function refusal(id: string): Promise<string> {
  try {
    await logTail(id, 1);
  } catch (error) {
    if (error instanceof ApiError && [404, 409].includes(error.status)) return error.message;
  }
  return "";
}
