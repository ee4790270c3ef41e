/** Parts that are not part of the first look, and are there at once when they are wanted later. */

import { type ComponentType, lazy, type ReactNode, useState } from "react";

const waiting: (() => Promise<unknown>)[] = [];

/** As `lazy`, but loaded ahead by [`loadAhead`], from when on it is drawn without a wait. */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
): (props: P) => ReactNode {
  let loaded: ComponentType<P> | undefined;
  const fetch = async () => {
    loaded = await load();
    return { default: loaded };
  };
  waiting.push(fetch);
  const Late = lazy(fetch);
  return function Later(props: P) {
    // The same one for as long as it is drawn.
    const [Part] = useState<ComponentType<P>>(() => loaded ?? Late);
    return <Part {...props} />;
  };
}

/** Loads all of them, when the browser has nothing else to do. */
export function loadAhead(): void {
  const idle = globalThis.requestIdleCallback ?? ((act: () => void) => setTimeout(act, 500));
  // One that cannot be loaded now is loaded, and fails, when it is wanted.
  idle(() => waiting.splice(0).forEach((fetch) => void fetch().catch(() => {})));
}
