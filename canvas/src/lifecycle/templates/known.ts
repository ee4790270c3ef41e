/** The templates of the server, as they were read last. */

import { create } from "zustand";
import { globalSecrets } from "../../api/calls";
import { type Template, templates } from "../../api/lifecycle";
import { knownFeatures } from "../features";

interface Known {
  list: readonly Template[];
  error: unknown;
  ready: boolean;
}

export const useTemplates = create<Known>(() => ({ list: [], error: undefined, ready: false }));

/** Reads them anew; nothing where the server has none. */
export async function loadTemplates(): Promise<void> {
  if (knownFeatures()?.templates !== true) return;
  try {
    useTemplates.setState({ list: await templates(), error: undefined, ready: true });
  } catch (error) {
    useTemplates.setState({ error, ready: true });
  }
}

/** The names of the secrets of every workspace. */
export async function secretNames(): Promise<ReadonlySet<string>> {
  return new Set((await globalSecrets()).map(({ key }) => key));
}
