import { History, Radio } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";
import { dateTime } from "../kit/time";
import { usePast } from "../store/past";

/** Above the organisation while it is one of the past: which, and the way back. */
export function PastBanner() {
  const { t } = useTranslation("time");
  const at = usePast((past) => past.moment?.at);
  if (at === undefined) return null;
  return (
    <div
      data-testid="past-banner"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b-2 border-warn bg-warn-soft px-4 py-1.5 text-warn"
    >
      <p role="status" className="flex items-center gap-2">
        <History size={16} aria-hidden className="shrink-0" />
        <strong>{t("past", { when: dateTime(at) })}</strong>
        <span>{t("past_note")}</span>
      </p>
      <span className="grow" />
      <Button look="primary" aria-keyshortcuts="Escape" onClick={() => usePast.getState().live()}>
        <Radio size={15} aria-hidden />
        {t("live")}
      </Button>
    </div>
  );
}

/** A frame around the stage, over everything on it, that takes no clicks. */
export function PastFrame() {
  const past = usePast((state) => state.moment !== null);
  if (!past) return null;
  return (
    <div
      aria-hidden
      data-testid="past-frame"
      className="pointer-events-none absolute inset-0 z-20 border-4 border-warn"
    />
  );
}
