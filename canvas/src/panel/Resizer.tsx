import { useTranslation } from "react-i18next";
import { FIRST_WIDTH, MAX_WIDTH, MIN_WIDTH, within } from "./window";

const STEP = 24;

/** The edge of the panel: dragged, or moved with the arrow keys. */
export function Resizer({ width, onChange }: { width: number; onChange(width: number): void }) {
  const { t } = useTranslation("panel");
  const drag = (down: React.PointerEvent<HTMLElement>) => {
    const edge = down.currentTarget;
    edge.setPointerCapture(down.pointerId);
    const move = (event: PointerEvent) => onChange(width + down.clientX - event.clientX);
    edge.addEventListener("pointermove", move);
    edge.addEventListener(
      "lostpointercapture",
      () => edge.removeEventListener("pointermove", move),
      {
        once: true,
      },
    );
  };
  const press = (event: React.KeyboardEvent) => {
    const to = {
      ArrowLeft: width + STEP,
      ArrowRight: width - STEP,
      Home: MAX_WIDTH,
      End: MIN_WIDTH,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    onChange(within(to));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved.
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={t("resize")}
      aria-valuemin={MIN_WIDTH}
      aria-valuemax={MAX_WIDTH}
      aria-valuenow={width}
      tabIndex={0}
      onPointerDown={drag}
      onKeyDown={press}
      onDoubleClick={() => onChange(FIRST_WIDTH)}
      className="absolute inset-y-0 -left-1 z-10 w-2 cursor-col-resize touch-none hover:bg-accent-soft max-md:hidden"
    />
  );
}
