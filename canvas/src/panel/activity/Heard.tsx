/** Beats and tasks that this page has heard: no log keeps them. */

import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Chart } from "../../kit/Chart";
import { timeOfDay } from "../../kit/time";
import { type Frame, useFrames, watch } from "../frames";
import { Quiet, Said, Section } from "../parts";

export function Heard({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  useEffect(() => watch(id), [id]);
  const { since, frames } = useFrames(id);
  const beats = frames.filter((frame) => frame.kind === "beat");
  const told = frames.filter((frame) => frame.kind !== "beat").reverse();
  return (
    <>
      <Section title={t("heard", { when: timeOfDay(since) })}>
        {beats.length > 1 ? <Beats beats={beats} /> : <Quiet>{t("no_beats_yet")}</Quiet>}
      </Section>
      <Section title={t("told", { count: told.length })}>
        {told.length === 0 && <Quiet>{t("nothing_told")}</Quiet>}
        <ol className="divide-y divide-line">
          {told.map((frame) => (
            <Row key={frame.id} frame={frame} />
          ))}
        </ol>
      </Section>
    </>
  );
}

const percent = new Intl.NumberFormat(undefined, { style: "percent" });

function Beats({ beats }: { beats: readonly Frame[] }) {
  const { t } = useTranslation("panel");
  const [tasks, rate] = [t("active_tasks"), t("rate_told")];
  const { times, series } = useMemo(
    () => ({
      times: beats.map((beat) => beat.at / 1000),
      series: [
        {
          label: tasks,
          paint: "--accent",
          stepped: true,
          values: beats.map((beat) => beat.activeTasks),
        },
        {
          label: rate,
          paint: "--warn",
          stepped: true,
          share: true,
          values: beats.map((beat) => beat.errorRate),
        },
      ],
    }),
    [beats, tasks, rate],
  );
  const last = beats.at(-1);
  const text = t("beats_text", {
    count: beats.length,
    tasks: last?.activeTasks ?? 0,
    most: Math.max(...beats.map((beat) => beat.activeTasks)),
    rate: percent.format(last?.errorRate ?? 0),
  });
  return (
    <>
      <Chart times={times} series={series} text={text} height={120} />
      <p className="mt-1 text-xs text-muted">{text}</p>
    </>
  );
}

function Row({ frame }: { frame: Frame }) {
  const { t } = useTranslation("panel");
  return (
    <li className="flex min-w-0 gap-3 py-1.5">
      <time dateTime={new Date(frame.at).toISOString()} className="shrink-0 text-xs text-muted">
        {timeOfDay(frame.at)}
      </time>
      <span className="min-w-0">
        {frame.kind === "task" ? (
          <>
            {t("task")} {frame.task ? <Said text={frame.task} /> : t("none")}
          </>
        ) : (
          <span className="font-mono text-xs [overflow-wrap:anywhere]">{frame.event}</span>
        )}
      </span>
    </li>
  );
}
