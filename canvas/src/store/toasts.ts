/** Short notices. They go after a while; errors stay until they are closed. */

import { create } from "zustand";

export interface Toast {
  id: number;
  kind: "info" | "error";
  text: string;
  action?: { label: string; run(): void };
}

/** Notices at once; the oldest makes room. */
const MAX = 4;

export const useToasts = create<{ toasts: readonly Toast[] }>(() => ({ toasts: [] }));

let next = 1;

function add(toast: Omit<Toast, "id">): void {
  const id = next++;
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts, { id, ...toast }].slice(-MAX) }));
}

export function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) }));
}

export const notify = {
  info: (text: string, action?: Toast["action"]) => add({ kind: "info", text, action }),
  /** Says why something did not happen, in the server's words where it gave any. */
  failed: (error: unknown) =>
    add({ kind: "error", text: error instanceof Error ? error.message : String(error) }),
};
