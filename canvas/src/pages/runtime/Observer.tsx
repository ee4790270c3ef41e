/** Whether the server trusts its own view of who is silent. */

import { Eye, EyeOff, Hourglass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "../../kit";
import { timeOfDay } from "../../kit/time";
import { recordOf, textOf } from "../../panel/safe";

const LOOKS = {
  judging: { icon: Eye, look: "bg-good-soft text-good" },
  grace: { icon: Hourglass, look: "bg-busy-soft text-busy" },
  suspect: { icon: EyeOff, look: "bg-danger-soft text-danger" },
} as const;
type Judgement = keyof typeof LOOKS;
const isJudgement = (text: string): text is Judgement => text in LOOKS;

export function Observer({ report }: { report: Record<string, unknown> }) {
  const { t } = useTranslation("pages");
  const told = textOf(report.observer);
  const observer: Judgement = isJudgement(told) ? told : "suspect";
  const { icon: Icon, look } = LOOKS[observer];
  const until = textOf(report.observer_until);
  const sweep = recordOf(recordOf(report.subsystems)["liveness-sweep"]);
  const tick = textOf(sweep.last_tick_at);
  const heard = typeof report.heard === "number" ? report.heard : 0;
  return (
    <div
      data-testid="observer"
      data-observer={observer}
      className={cx("mb-6 flex items-start gap-2 rounded-xl p-3", look)}
    >
      <Icon size={16} aria-hidden className="mt-0.5 shrink-0" />
      <div className="min-w-0">
        <p>
          <strong>{t(`observer.${observer}`)}</strong> {t(`observer_text.${observer}`)}{" "}
          {until && t("observer_until", { when: timeOfDay(until) })}
        </p>
        <p className="text-xs">
          {t("heard", { count: heard })}{" "}
          {tick ? t("last_sweep", { when: timeOfDay(tick) }) : t("no_sweep")}{" "}
          {report.mirror_reachable === false && t("mirror_away")}
        </p>
      </div>
    </div>
  );
}
