/** How the runtime is: the supervision tree, its shards, and what fails. */

import { useTranslation } from "react-i18next";
import { liveness, supervision } from "../api/calls";
import { usePolled } from "../kit/load";
import { Failed } from "../panel/parts";
import { Page, Total } from "./parts";
import { Failing } from "./runtime/Failing";
import { History } from "./runtime/History";
import { Observer } from "./runtime/Observer";
import { Shards } from "./runtime/Shards";
import { Tree } from "./runtime/Tree";
import { isShard } from "./runtime/tree";

const EVERY_MS = 2_000;

export function RuntimePage() {
  const { t } = useTranslation("pages");
  const tree = usePolled("supervision", EVERY_MS, supervision);
  const silence = usePolled("liveness", EVERY_MS, liveness);
  const { data } = tree;
  return (
    <Page title={t("runtime_title")} lead={t("runtime_lead")}>
      {tree.error !== undefined && <Failed error={tree.error} retry={tree.reload} />}
      {silence.error !== undefined && <Failed error={silence.error} retry={silence.reload} />}
      {silence.data && <Observer report={silence.data} />}
      {data && (
        <>
          <dl className="mb-6 flex flex-wrap gap-3">
            <Total label={t("resident")} value={data.workspaces.resident} />
            <Total label={t("restarts_total")} value={data.workspaces.restarts} />
            <Total
              label={t("quarantined")}
              value={data.workspaces.quarantined}
              warn={data.workspaces.quarantined > 0}
            />
            <Total
              label={t("waiting_total")}
              value={data.children.reduce((sum, child) => sum + child.mailbox_depth, 0)}
            />
          </dl>
          <History workspaces={data.workspaces} />
          <Failing reports={data.workspaces.failing} changed={tree.reload} />
          <Tree reports={data.children.filter((child) => !isShard(child))} />
          <Shards reports={data.children.filter(isShard)} />
        </>
      )}
    </Page>
  );
}
