/** What the server says of itself. Read once, when somebody first wants to know. */

import { useEffect } from "react";
import { create } from "zustand";
import * as api from "../api/calls";
import type { Info } from "../api/types";

interface InfoState {
  info: Info | null;
  /** Whether an answer, or a refusal, has come. */
  asked: boolean;
}

export const useInfoStore = create<InfoState>(() => ({ info: null, asked: false }));

let asking = false;

async function ask(): Promise<void> {
  if (asking) return;
  asking = true;
  try {
    useInfoStore.setState({ info: await api.info(), asked: true });
  } catch {
    // A server that does not tell has none of the features; the next who wants to know asks again.
    useInfoStore.setState({ asked: true });
    asking = false;
  }
}

/** The server's description; `info` is `null` until it is known. */
export function useInfo(): InfoState {
  const state = useInfoStore();
  useEffect(() => {
    void ask();
  }, []);
  return state;
}
