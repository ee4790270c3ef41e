import { ChevronRight, History } from "lucide-react";
import { memo, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RecordedEvent } from "../../api/types";
import { Button, cx } from "../../kit";
import { dateTime } from "../../kit/time";
import { usePast } from "../../store/past";
import { Said, When } from "../parts";

/** A payload is at most this long on the page, in characters. */
const SHOWN = 20_000;

export const EventRow = memo(function EventRow({ event }: { event: RecordedEvent }) {
  const { t } = useTranslation("panel");
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <li className="py-1.5">
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="flex w-full min-w-0 items-start gap-1.5 rounded-md py-1 text-left hover:bg-raised"
      >
        <ChevronRight
          size={14}
          aria-hidden
          className={cx("mt-0.5 shrink-0 text-muted", open && "rotate-90")}
        />
        <span className="min-w-0 grow">
          <span className="block font-mono text-xs [overflow-wrap:anywhere]">
            {event.event_type}
          </span>
          <span className="block text-xs text-muted">
            <When at={event.created_at} /> · {dateTime(event.created_at)}
          </span>
        </span>
        <span className="shrink-0 text-xs text-muted" title={t("sequence")}>
          <span className="sr-only">{t("sequence")} </span>#{event.seq}
        </span>
      </button>
      <div id={id} hidden={!open} className="pl-5">
        {open && <Payload event={event} />}
      </div>
    </li>
  );
});

function Payload({ event }: { event: RecordedEvent }) {
  const { t } = useTranslation("panel");
  const go = usePast((past) => past.go);
  const whole = JSON.stringify(event.payload, null, 2);
  const text = whole.length > SHOWN ? `${whole.slice(0, SHOWN)}…` : whole;
  return (
    <>
      <pre className="max-h-80 overflow-auto rounded-md bg-raised p-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
        <Said text={text} />
      </pre>
      <Button
        look="ghost"
        className="mt-1"
        // Times are kept more exactly than to the millisecond: the next one holds the event.
        onClick={() => void go(Date.parse(event.created_at) + 1)}
      >
        <History size={14} aria-hidden />
        {t("see_then")}
      </Button>
    </>
  );
}
