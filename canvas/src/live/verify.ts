/** Compares the digest of what is shown with the server's, at the same sequence. */

import * as api from "../api/calls";
import { digestOf } from "../model/digest";
import { type OrgState, useOrg } from "../store/org";

const TRIES = 5;
/** How long events up to the server's sequence may take to arrive. */
const ARRIVE_MS = 5_000;

/**
 * Returns whether both are the same; `undefined` when no common sequence was found, because events
 * came faster than the comparison.
 */
export async function verify(): Promise<boolean | undefined> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const server = await api.digest();
    const state = await reached(server.seq);
    if (state !== undefined) return digestOf(state.org) === server.hash;
  }
  return undefined;
}

/** The organisation exactly at `seq`; `undefined` when it is past that, or does not get there. */
function reached(seq: number): Promise<OrgState | undefined> {
  const now = useOrg.getState();
  if (now.seq === seq) return Promise.resolve(now);
  if (now.seq > seq) return Promise.resolve(undefined);
  return new Promise((done) => {
    const end = (state: OrgState | undefined) => {
      clearTimeout(timer);
      stop();
      done(state);
    };
    const timer = setTimeout(() => end(undefined), ARRIVE_MS);
    const stop = useOrg.subscribe((state) => {
      if (state.seq === seq) end(state);
      else if (state.seq > seq) end(undefined);
    });
  });
}
