/** Resident actors and restarts since the page was opened. */

import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Supervision } from "../../api/types";
import { Chart } from "../../kit/Chart";
import { timeOfDay } from "../../kit/time";
import { Block } from "../parts";
import { gains } from "./tree";

/** Half an hour at one every two seconds. */
const KEPT = 900;

interface Sample {
  at: number;
  resident: number;
  restarts: number;
}

export function History({ workspaces }: { workspaces: Supervision["workspaces"] }) {
  const { t } = useTranslation("pages");
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    const { resident, restarts } = workspaces;
    setSamples((was) => [...was, { at: Date.now(), resident, restarts }].slice(-KEPT));
  }, [workspaces]);
  const { times, series } = useMemo(
    () => seriesOf(samples, t("resident"), t("restarts_here")),
    [samples, t],
  );
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last) return null;
  const text = t("history_text", {
    when: timeOfDay(first.at),
    resident: last.resident,
    least: Math.min(...samples.map((sample) => sample.resident)),
    most: Math.max(...samples.map((sample) => sample.resident)),
    restarts: gains(samples.map((sample) => sample.restarts)).at(-1) ?? 0,
  });
  return (
    <Block title={t("history")}>
      <Chart times={times} series={series} text={text} />
      <p className="mt-2 text-xs text-muted">{text}</p>
    </Block>
  );
}

function seriesOf(samples: readonly Sample[], resident: string, restarts: string) {
  return {
    times: samples.map((sample) => sample.at / 1000),
    series: [
      { label: resident, paint: "--accent", values: samples.map((sample) => sample.resident) },
      {
        label: restarts,
        paint: "--danger",
        stepped: true,
        values: gains(samples.map((sample) => sample.restarts)),
      },
    ],
  };
}
