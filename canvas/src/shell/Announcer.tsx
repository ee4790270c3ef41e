import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import { onEvent } from "../live/follow";
import { changeOf } from "../model/org";
import { useOrg } from "../store/org";

/** Changes of status are told at most this often: the newest of a burst, and how many. */
const EVERY_MS = 2_000;

/** A polite live region: readers hear of changes of status without losing their place. */
export function Announcer() {
  const { t } = useTranslation();
  const [told, setTold] = useState("");
  useEffect(() => {
    let news: { id: string; status: Status }[] = [];
    const stop = onEvent((event) => {
      const status = changeOf(event)?.status;
      if (status) news = [...news.slice(-1), { id: event.workspace_id, status }];
    });
    const timer = setInterval(() => {
      const last = news.at(-1);
      news = [];
      const name = last && useOrg.getState().org[last.id]?.name;
      if (last && name) setTold(t("announce_status", { name, status: t(`status.${last.status}`) }));
    }, EVERY_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [t]);
  return (
    <div aria-live="polite" role="status" className="sr-only">
      {told}
    </div>
  );
}
