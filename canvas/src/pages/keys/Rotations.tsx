/** Rotations: what can be started, and how those that were started stand. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { KeysStatus, RotationJob } from "../../api/types";
import { Button } from "../../kit";
import { dateTime } from "../../kit/time";
import { Said } from "../../panel/parts";
import { Block } from "../parts";
import { Confirm } from "./Confirm";
import { shareOf } from "./progress";

interface RotationsProps {
  status: KeysStatus;
  jobs: readonly RotationJob[];
  started(): void;
}

export function Rotations({ status, jobs, started }: RotationsProps) {
  const { t } = useTranslation("pages");
  const [asked, setAsked] = useState<RotationJob["kind"] | null>(null);
  const able = status.provider !== "none";
  return (
    <Block
      title={t("rotations")}
      aside={
        <div className="flex gap-2">
          <Button disabled={!able} onClick={() => setAsked("rewrap")}>
            {t("rewrap")}
          </Button>
          <Button disabled={!able} onClick={() => setAsked("reseed")}>
            {t("reseed")}
          </Button>
        </div>
      }
    >
      {!able && <p className="mb-2 text-muted">{t("nothing_to_rotate")}</p>}
      {able && jobs.length === 0 && <p className="text-muted">{t("no_rotations")}</p>}
      <ul className="space-y-4">
        {jobs.map((job) => (
          <li key={job.id}>
            <Job job={job} />
          </li>
        ))}
      </ul>
      <Confirm kind={asked} status={status} onClose={() => setAsked(null)} onStarted={started} />
    </Block>
  );
}

const INK = { running: "text-busy", finished: "text-good", incomplete: "text-danger" } as const;

function Job({ job }: { job: RotationJob }) {
  const { t } = useTranslation("pages");
  const counts = t("counts", { done: job.done, total: job.total });
  return (
    <>
      <div className="flex flex-wrap justify-between gap-x-4">
        <span className="font-medium">
          {t(job.kind)} <span className={INK[job.state]}>{t(`job_state.${job.state}`)}</span>
        </span>
        <span className="tabular-nums">
          {counts}
          {job.failed > 0 && (
            <span className="text-danger"> · {t("failed_count", { count: job.failed })}</span>
          )}
        </span>
      </div>
      <progress
        className="mt-1 block h-2 w-full appearance-none overflow-hidden rounded-full border-0 bg-quiet-soft [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-quiet-soft [&::-webkit-progress-value]:bg-accent"
        max={1}
        value={shareOf(job)}
        aria-label={`${t(job.kind)}: ${counts}`}
      />
      <p className="mt-1 text-xs text-muted">
        {t("started_by", { when: dateTime(job.started_at) })} <Said text={job.started_by} />
        {job.finished_at && ` · ${t("ended", { when: dateTime(job.finished_at) })}`}
      </p>
      {job.state === "incomplete" && <p className="text-xs text-danger">{t("incomplete_text")}</p>}
    </>
  );
}
