/** Workspaces whose actors failed within the last hour, or are quarantined. */

import { useTranslation } from "react-i18next";
import { releaseWorkspace } from "../../api/calls";
import type { ChildReport } from "../../api/types";
import { Button } from "../../kit";
import { WorkspaceLink } from "../../panel/parts";
import { idOf } from "../../panel/server";
import { notify } from "../../store/toasts";
import { Block, CELL, HEAD, Scroll } from "../parts";
import { State } from "./State";
import { Failure } from "./Tree";

/** The server tells at most a thousand; a page has room for fewer. */
const SHOWN = 200;

export function Failing({
  reports,
  changed,
}: {
  reports: readonly ChildReport[];
  changed(): void;
}) {
  const { t } = useTranslation("pages");
  const released = () => {
    notify.info(t("released"));
    changed();
  };
  return (
    <Block title={t("failing", { count: reports.length })}>
      {reports.length === 0 ? (
        <p className="text-muted">{t("none_failing")}</p>
      ) : (
        <Scroll label={t("failing", { count: reports.length })}>
          <table className="w-full min-w-xl border-collapse">
            <thead>
              <tr>
                {(["workspace", "state", "failures", "last_failure", "action"] as const).map(
                  (one) => (
                    <th key={one} scope="col" className={HEAD}>
                      {t(`column.${one}`)}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {reports.slice(0, SHOWN).map((report) => (
                <tr key={report.child}>
                  <th scope="row" className={`${CELL} max-w-60 text-left font-normal`}>
                    <WorkspaceLink id={idOf(report)} />
                  </th>
                  <td className={CELL}>
                    <State state={report.state} />
                  </td>
                  <td className={`${CELL} tabular-nums`}>{report.restarts}</td>
                  <td className={CELL}>
                    <Failure of={report} none={t("no_failure")} />
                  </td>
                  <td className={CELL}>
                    {report.state === "quarantined" && (
                      <Button
                        onClick={() =>
                          void releaseWorkspace(idOf(report)).then(released, notify.failed)
                        }
                      >
                        {t("release")}
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {reports.length > SHOWN && (
        <p className="mt-2 text-muted">{t("and_more", { count: reports.length - SHOWN })}</p>
      )}
    </Block>
  );
}
