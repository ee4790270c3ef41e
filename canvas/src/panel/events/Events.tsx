/** What was recorded of a workspace, newest first. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Select } from "../../kit";
import { usePast } from "../../store/past";
import { Failed, Quiet } from "../parts";
import { EventRow } from "./EventRow";
import { GROUPS, type Group } from "./types";
import { KEPT, useEvents } from "./useEvents";

type Choice = Group | "all";
const CHOICES = ["all", ...Object.keys(GROUPS)] as Choice[];

export function Events({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const [choice, setChoice] = useState<Choice>("all");
  const at = usePast((past) => past.moment?.at);
  const until = at === undefined ? null : new Date(at).toISOString();
  const events = useEvents(id, choice === "all" ? [] : GROUPS[choice], until);
  return (
    <>
      <Select
        className="mb-3"
        label={t("event_filter")}
        value={choice}
        onChange={(value) => setChoice(value as Choice)}
        options={CHOICES.map((one) => ({ value: one, label: t(`event_group.${one}`) }))}
      />
      {events.error !== undefined && <Failed error={events.error} retry={events.reload} />}
      {!events.busy && events.list.length === 0 && events.error === undefined && (
        <Quiet>{t("no_events")}</Quiet>
      )}
      <ol aria-label={t("events")} aria-busy={events.busy} className="divide-y divide-line">
        {events.list.map((event) => (
          <EventRow key={event.seq} event={event} />
        ))}
      </ol>
      {events.list.length > 0 && (
        <div className="mt-3 text-center text-muted">
          {events.more && (
            <Button disabled={events.busy} onClick={events.older}>
              {t("older")}
            </Button>
          )}
          {!events.more && t(events.list.length < KEPT ? "no_older" : "not_older", { count: KEPT })}
        </div>
      )}
    </>
  );
}
