/** After a workspace was made: it is shown as soon as it is known here. */

import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { useView } from "../store/view";

/** The event of a new workspace may take this long. */
const KNOWN_MS = 5_000;

/** Resolves when `id` is in the organisation, or when it has taken too long. */
export function known(id: string): Promise<void> {
  if (useOrg.getState().org[id]) return Promise.resolve();
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      stop();
      done();
    };
    const timer = setTimeout(end, KNOWN_MS);
    const stop = useOrg.subscribe((state) => state.org[id] && end());
  });
}

/** Selects it and opens its panel. */
export async function show(id: string): Promise<void> {
  await known(id);
  useView.getState().select([id]);
  go(pathOf(id));
}
