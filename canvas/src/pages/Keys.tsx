/** How key custody stands: providers, formats in use, rotations and the audit trail. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { keysStatus } from "../api/calls";
import { useLoad } from "../kit/load";
import { onEvent } from "../live/follow";
import { Failed } from "../panel/parts";
import { Audit } from "./keys/Audit";
import { Formats } from "./keys/Formats";
import { advanced, type Newest, progressOf } from "./keys/progress";
import { Rotations } from "./keys/Rotations";
import { Seeds } from "./keys/Seeds";
import { Standing } from "./keys/Standing";
import { Page } from "./parts";

/** A rotation may run in another process, whose frames do not come here. */
const WHILE_RUNNING_MS = 5_000;

export function KeysPage() {
  const { t } = useTranslation("pages");
  const { data, error, reload } = useLoad("keys", keysStatus);
  const [newest, setNewest] = useState<Newest>({});
  useEffect(
    () =>
      onEvent((event) => {
        const heard = event.event === "KEY_ROTATION" ? progressOf(event.payload) : undefined;
        if (!heard) return;
        // What has ended is read; a frame of it must not be taken for one of the next rotation.
        const ended = heard.state !== "running";
        setNewest((was) => ({ ...was, [heard.kind]: ended ? undefined : heard }));
        if (ended) reload();
      }),
    [reload],
  );
  const jobs = data && advanced(data.jobs, newest);
  const running = jobs?.some((job) => job.state === "running") === true;
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(
      () => document.visibilityState === "visible" && reload(),
      WHILE_RUNNING_MS,
    );
    return () => clearInterval(timer);
  }, [running, reload]);
  return (
    <Page title={t("keys_title")} lead={t("keys_lead")}>
      {error !== undefined && <Failed error={error} retry={reload} />}
      {data && jobs && (
        <>
          <Standing status={data} />
          <Rotations status={data} jobs={jobs} started={reload} />
          <Formats status={data} />
          <Seeds status={data} />
          <Audit round={`${data.jobs[0]?.id} ${data.jobs[0]?.state}`} />
        </>
      )}
    </Page>
  );
}
