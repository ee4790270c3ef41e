/** Under the organisation: what happened when, and the way back to any of it. */

import { ChevronDown, ChevronUp, GitCompareArrows, History, Pause, Play } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, IconButton } from "../kit";
import { dateTime } from "../kit/time";
import { usePast } from "../store/past";
import { Compare } from "./Compare";
import { Slider } from "./Slider";
import { type Scale, scaleOf, stepFrom } from "./scale";
import { useTimeline } from "./state";
import { useHistogram } from "./useHistogram";
import { type Scrub, useScrub } from "./useScrub";

export function Timeline() {
  const { t } = useTranslation("time");
  const { open, comparing, toggle, compare } = useTimeline();
  const { data, failed } = useHistogram(open);
  const scale = useMemo(() => (data ? scaleOf(data) : null), [data]);
  const scrub = useScrub();
  const empty = data !== null && data.first_at === null;
  return (
    <section aria-label={t("timeline")} className="border-t border-line bg-surface px-3 py-1">
      <div className="flex items-center gap-2">
        <button
          type="button"
          aria-expanded={open}
          className="flex h-7 items-center gap-1.5 rounded px-1 text-sm font-medium"
          onClick={toggle}
        >
          <History size={15} aria-hidden />
          {t("timeline")}
          {open ? <ChevronDown size={14} aria-hidden /> : <ChevronUp size={14} aria-hidden />}
        </button>
        {open && scale && !empty && <Summary scale={scale} scrub={scrub} />}
        <span className="grow" />
        {open && scale && !empty && (
          <>
            <Player scale={scale} scrub={scrub} />
            <Button look="ghost" onClick={() => compare(true)}>
              <GitCompareArrows size={15} aria-hidden />
              <span className="max-sm:sr-only">{t("compare")}</span>
            </Button>
          </>
        )}
      </div>
      {open && (
        <div className="pt-1 pb-2">
          {empty && <p className="text-muted">{t("none")}</p>}
          {!data && failed && <p className="text-muted">{t("unavailable", { why: failed })}</p>}
          {scale && !empty && <Slider scale={scale} scrub={scrub} />}
        </div>
      )}
      {comparing && <Compare onClose={() => compare(false)} />}
    </section>
  );
}

function Summary({ scale, scrub }: { scale: Scale; scrub: Scrub }) {
  const { t } = useTranslation("time");
  const reading = usePast((past) => past.wanted !== null);
  const count = scale.counts.reduce((sum, one) => sum + one, 0);
  const range = { from: dateTime(scale.since), to: dateTime(scale.until) };
  return (
    <span className="min-w-0 truncate text-xs text-muted max-sm:hidden">
      {scrub.at === null ? t("summary", { count, ...range }) : dateTime(scrub.at)}{" "}
      {reading && t("reading")}
    </span>
  );
}

/** Time between two steps while playing, in milliseconds. */
const PLAY_MS = 700;

/** Goes on by itself, a step at a time, as fast as moments can be read. */
function Player({ scale, scrub }: { scale: Scale; scrub: Scrub }) {
  const { t } = useTranslation("time");
  const [playing, setPlaying] = useState(false);
  const { at, to } = scrub;
  const reading = usePast((past) => past.wanted !== null);
  useEffect(() => {
    if (!playing || reading) return;
    if (at === null) return setPlaying(false);
    const timer = setTimeout(() => to(stepFrom(scale, at, 1)), PLAY_MS);
    return () => clearTimeout(timer);
  }, [playing, reading, at, scale, to]);
  if (at === null) return null;
  return (
    <IconButton label={t(playing ? "pause" : "play")} onClick={() => setPlaying(!playing)}>
      {playing ? <Pause size={15} aria-hidden /> : <Play size={15} aria-hidden />}
    </IconButton>
  );
}
