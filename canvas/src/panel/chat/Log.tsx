/** What was said, the oldest first; older messages come when one scrolls up to them. */

import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../kit";
import { Failed } from "../parts";
import { Bubble } from "./Bubble";
import { horizon } from "./history";
import { bubblesOf } from "./model";
import { older, refresh, useTalk, watch } from "./store";
import { useScroll } from "./useScroll";

export function Log({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  useEffect(() => watch(id), [id]);
  const talk = useTalk((state) => state.talks[id]);
  const { exchanges, rows, mail } = talk ?? { exchanges: [], rows: null, mail: null };
  const bubbles = useMemo(() => bubblesOf(exchanges, horizon(rows, mail)), [exchanges, rows, mail]);
  const log = useRef<HTMLDivElement>(null);
  useScroll(log, bubbles[0]?.id, bubbles.at(-1)?.id);
  const reading = talk?.reading ?? true;
  const more = rows?.next != null || mail?.next != null;
  return (
    <div ref={log} className="grow [overflow-anchor:none]">
      {more && <Older id={id} busy={reading} />}
      {talk?.error !== undefined && <Failed error={talk.error} retry={() => void refresh(id)} />}
      <div
        role="log"
        aria-label={t("conversation")}
        aria-busy={reading && rows === null}
        className="space-y-3"
      >
        {bubbles.length === 0 && (
          <p className="text-muted">{t(rows === null ? "reading" : "no_messages")}</p>
        )}
        {bubbles.map((bubble) => (
          <Bubble key={bubble.id} id={id} message={bubble} />
        ))}
      </div>
    </div>
  );
}

/** Loads what is older when it comes into view, and for those who do not scroll when asked. */
function Older({ id, busy }: { id: string; busy: boolean }) {
  const { t } = useTranslation("panel");
  const place = useRef<HTMLDivElement>(null);
  // Looked at anew after every page: it may still be in view.
  useEffect(() => {
    if (!place.current || busy) return;
    const root = place.current.closest('[role="tabpanel"]');
    const seen = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && void older(id),
      { root },
    );
    seen.observe(place.current);
    return () => seen.disconnect();
  }, [id, busy]);
  return (
    <div ref={place} className="pb-3 text-center">
      <Button disabled={busy} onClick={() => void older(id)}>
        {t("older_messages")}
      </Button>
    </div>
  );
}
