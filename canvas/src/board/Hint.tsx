import { type PointerEvent, type ReactNode, useCallback, useEffect, useState } from "react";
import { faceOf, useFocus } from "./focus";

/** How long the pointer rests before a hint comes. */
const AFTER_MS = 400;
const MARGIN = 6;

interface Shown {
  text: string;
  rect: DOMRect;
}

/**
 * The one hint of the board: the `data-hint` of what the pointer rests on, or of the face that the
 * keys speak to. Plain text. Escape, a click and any movement of the board end it.
 */
export function Hints({ keys, children }: { keys: boolean; children: ReactNode }) {
  const [shown, setShown] = useState<Shown | null>(null);
  const [over, setOver] = useState<Element | null>(null);
  const focused = useFocus((focus) => focus.id);
  const end = useCallback(() => {
    setShown(null);
    setOver(null);
  }, []);

  useEffect(() => {
    const inFace =
      keys && focused !== null ? faceOf(focused)?.querySelector("[data-hint-key]") : null;
    const element = over ?? inFace;
    setShown(null);
    if (!element) return;
    const timer = setTimeout(() => {
      const text = element.getAttribute("data-hint");
      if (text && element.isConnected) setShown({ text, rect: element.getBoundingClientRect() });
    }, AFTER_MS);
    return () => clearTimeout(timer);
  }, [over, keys, focused]);

  useEffect(() => {
    if (!shown) return;
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && end();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [shown, end]);

  const onPointerOver = (event: PointerEvent) =>
    setOver((event.target as Element).closest("[data-hint]"));
  return (
    <div
      className="size-full"
      onPointerOver={onPointerOver}
      onPointerLeave={end}
      onPointerDown={end}
      onWheel={end}
    >
      {children}
      {shown && <Bubble {...shown} />}
    </div>
  );
}

function Bubble({ text, rect }: Shown) {
  const below = rect.bottom < innerHeight * 0.7;
  return (
    <div
      role="tooltip"
      className="pointer-events-none fixed z-50 max-w-80 rounded-md bg-ink px-2 py-1 text-xs break-words whitespace-pre-wrap text-surface shadow-lg"
      style={{
        left: Math.max(MARGIN, Math.min(rect.left, innerWidth - 330)),
        ...(below ? { top: rect.bottom + MARGIN } : { bottom: innerHeight - rect.top + MARGIN }),
      }}
    >
      <bdi className="line-clamp-6">{text}</bdi>
    </div>
  );
}
