/** The supervision tree as a table, without the shards. */

import { useTranslation } from "react-i18next";
import type { ChildReport } from "../../api/types";
import { Said, When } from "../../panel/parts";
import { Block, CELL, HEAD, Scroll } from "../parts";
import { State } from "./State";
import { rowsOf } from "./tree";

export function Tree({ reports }: { reports: readonly ChildReport[] }) {
  const { t } = useTranslation("pages");
  const deepest = Math.max(1, ...reports.map((report) => report.mailbox_depth));
  return (
    <Block title={t("tree")}>
      <Scroll label={t("tree")}>
        <table className="w-full min-w-2xl border-collapse">
          <thead>
            <tr>
              {(["child", "state", "restarts", "mailbox", "last_failure"] as const).map((one) => (
                <th key={one} scope="col" className={HEAD}>
                  {t(`column.${one}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rowsOf(reports).map(({ path, name, level, report }) => (
              <tr key={`${path} ${report === null}`}>
                <th scope="row" className={`${CELL} text-left font-normal whitespace-nowrap`}>
                  <span
                    className="inline-block text-left font-mono text-xs"
                    style={{ paddingLeft: `${level * 1.25}rem` }}
                  >
                    {name}
                    {report?.children !== undefined && (
                      <span className="text-muted"> ({report.children})</span>
                    )}
                  </span>
                </th>
                {report ? (
                  <Cells report={report} deepest={deepest} />
                ) : (
                  <td className={CELL} colSpan={4} />
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Block>
  );
}

function Cells({ report, deepest }: { report: ChildReport; deepest: number }) {
  const { t } = useTranslation("pages");
  return (
    <>
      <td className={CELL}>
        <State state={report.state} />
      </td>
      <td className={`${CELL} tabular-nums`}>{report.restarts}</td>
      <td className={CELL}>
        <Depth depth={report.mailbox_depth} deepest={deepest} />
      </td>
      <td className={CELL}>
        <Failure of={report} none={t("no_failure")} />
      </td>
    </>
  );
}

/** Waiting messages: the number, and a bar beside the deepest mailbox. */
export function Depth({ depth, deepest }: { depth: number; deepest: number }) {
  return (
    <span className="flex items-center gap-2">
      <span className="w-10 text-right tabular-nums">{depth}</span>
      <span aria-hidden className="h-2 w-20 rounded-full bg-quiet-soft">
        <span
          className="block h-2 rounded-full bg-accent"
          style={{ width: `${Math.min(100, (depth / Math.max(1, deepest)) * 100)}%` }}
        />
      </span>
    </span>
  );
}

export function Failure({ of, none }: { of: ChildReport; none: string }) {
  if (!of.last_failure) return <span className="text-muted">{none}</span>;
  return (
    <span className="block max-w-md">
      <Said text={of.last_failure.error} />{" "}
      <When at={of.last_failure.at} className="text-xs text-muted" />
    </span>
  );
}
