/** A log that begins at its end, follows it, and stays where one reads while older is added above. */

import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

/** So close to the end counts as being there, in pixels. */
const AT_END = 48;

/** `first` and `last` name what is shown at both ends. */
export function useScroll(
  log: RefObject<HTMLElement | null>,
  first: string | undefined,
  last: string | undefined,
): void {
  const end = useRef(true);
  const was = useRef<{ first: string | undefined; height: number }>({ first: "", height: 0 });

  useEffect(() => {
    const frame = frameOf(log.current);
    if (!frame) return;
    const moved = () => {
      end.current = frame.scrollHeight - frame.scrollTop - frame.clientHeight < AT_END;
    };
    frame.addEventListener("scroll", moved, { passive: true });
    return () => frame.removeEventListener("scroll", moved);
  }, [log]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what is new may be taller
  useLayoutEffect(() => {
    const frame = frameOf(log.current);
    if (!frame) return;
    const before = was.current;
    if (end.current) frame.scrollTop = frame.scrollHeight;
    else if (before.first !== first) frame.scrollTop += frame.scrollHeight - before.height;
    was.current = { first, height: frame.scrollHeight };
  }, [log, first, last]);
}

const frameOf = (element: HTMLElement | null) =>
  element?.closest<HTMLElement>('[role="tabpanel"]') ?? null;
