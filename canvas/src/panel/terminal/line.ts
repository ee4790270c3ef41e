/** The line to a terminal: bytes both ways, and its size as text. */

import { askTerminal, terminalPath } from "../../api/lifecycle";

export interface Size {
  cols: number;
  rows: number;
}

export type Ended =
  /** The shell has ended. */
  | { kind: "ended" }
  /** The line broke, or never came about; with the server's reason where it gave one. */
  | { kind: "lost"; why: string };

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
    // A socket hides why it was refused; a request tells.
    void refusal(id).then((why) => !closed && on.ended({ kind: "lost", why }));
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

async function refusal(id: string): Promise<string> {
  try {
    await askTerminal(id);
    return "";
  } catch (error) {
    const { status, message } = error as { status?: number; message?: string };
    // That a request is no socket says nothing of why the socket failed.
    return status === 400 || status === 426 ? "" : (message ?? "");
  }
}
