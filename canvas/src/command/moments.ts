/** Moments to go to: some that are often wanted, and the one that was typed. */

import type { TFunction } from "i18next";
import { ago, dateTime } from "../kit/time";
import { usePast } from "../store/past";
import type { Command } from "./commands";

const MINUTE_MS = 60_000;
/** Minutes before now. */
const OFFERED = [5, 15, 60, 360, 1_440, 10_080];

export function moments(
  t: TFunction<["command", "common"]>,
  query: string,
  now: number,
): readonly Command[] {
  const to = (at: number, label: string): Command => ({
    id: `moment-${at}`,
    group: "moment",
    label,
    run: () => void usePast.getState().go(at),
  });
  const typed = query.trim() === "" ? Number.NaN : Date.parse(query.trim());
  if (!Number.isNaN(typed)) return [to(typed, t("moment_at", { when: dateTime(typed) }))];
  return OFFERED.map((minutes) => {
    const at = now - minutes * MINUTE_MS;
    return to(at, `${ago(at, now)} · ${dateTime(at)}`);
  }).filter((one) => one.label.toLowerCase().includes(query.trim().toLowerCase()));
}
