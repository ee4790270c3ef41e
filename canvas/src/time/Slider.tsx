import { type KeyboardEvent, memo, type PointerEvent, useRef } from "react";
import { useTranslation } from "react-i18next";
import { dateTime } from "../kit/time";
import { countAt, momentAt, type Scale, share, stepFrom } from "./scale";
import type { Scrub } from "./useScrub";

const HEIGHT = 40;
/** Steps of PageUp and PageDown. */
const PAGE = 10;

/** The density of events, and on it the moment that is shown. */
export function Slider({ scale, scrub }: { scale: Scale; scrub: Scrub }) {
  const { t } = useTranslation("time");
  const track = useRef<HTMLDivElement>(null);
  const { at, to } = scrub;
  const toPointer = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect();
    if (box) to(momentAt(scale, (event.clientX - box.left) / box.width));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps = new Map([
      ["ArrowLeft", -1],
      ["ArrowDown", -1],
      ["ArrowRight", 1],
      ["ArrowUp", 1],
      ["PageDown", -PAGE],
      ["PageUp", PAGE],
    ]);
    const by = steps.get(event.key);
    if (by !== undefined) to(stepFrom(scale, at, by));
    else if (event.key === "Home") to(scale.since);
    else if (event.key === "End") to(null);
    else return;
    event.preventDefault();
  };
  const left = `${share(scale, at ?? scale.until) * 100}%`;
  return (
    <div
      ref={track}
      role="slider"
      tabIndex={0}
      aria-label={t("slider")}
      aria-valuemin={scale.since}
      aria-valuemax={scale.until}
      aria-valuenow={at ?? scale.until}
      aria-valuetext={
        at === null
          ? t("value_live")
          : t("value", { when: dateTime(at), count: countAt(scale, at) })
      }
      className="relative h-10 cursor-ew-resize touch-none rounded bg-raised select-none"
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        toPointer(event);
      }}
      onPointerMove={(event) => event.buttons > 0 && toPointer(event)}
    >
      <Bars counts={scale.counts} />
      <span
        aria-hidden
        className={`absolute inset-y-0 -ml-px w-0.5 ${at === null ? "bg-good" : "bg-warn"}`}
        style={{ left }}
      >
        <span
          className={`absolute top-1/2 left-1/2 h-6 w-2.5 -translate-1/2 rounded-full border-2 border-surface ${at === null ? "bg-good" : "bg-warn"}`}
        />
      </span>
    </div>
  );
}

/** One bar a bucket; logarithmic, so that a single event beside a thousand is still seen. */
const Bars = memo(function Bars({ counts }: { counts: readonly number[] }) {
  const top = Math.log1p(Math.max(1, ...counts));
  const bars = counts.map((count, index) => {
    if (count === 0) return "";
    const height = Math.max(2, (Math.log1p(count) / top) * (HEIGHT - 4)).toFixed(1);
    return `M${index + 0.1} ${HEIGHT}v-${height}h.8v${height}z`;
  });
  return (
    <svg
      aria-hidden
      viewBox={`0 0 ${counts.length} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="absolute inset-0 size-full text-line-strong"
    >
      <path d={bars.join("")} fill="currentColor" />
    </svg>
  );
});
