/** Who did what to which secret, newest first. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { keysAudit } from "../../api/calls";
import type { AuditEntry } from "../../api/types";
import { Button } from "../../kit";
import { useLoad } from "../../kit/load";
import { dateTime } from "../../kit/time";
import { Failed, Said, WorkspaceLink } from "../../panel/parts";
import { notify } from "../../store/toasts";
import { Block, CELL, HEAD, Scroll } from "../parts";

const PAGE = 50;
const COLUMNS = [
  "at",
  "actor",
  "action",
  "workspace",
  "key",
  "format",
  "outcome",
  "detail",
] as const;

/** Reads anew with every `round`. */
export function Audit({ round }: { round: string }) {
  const { t } = useTranslation("pages");
  const { data, error, reload } = useLoad(`audit ${round}`, () => keysAudit(PAGE));
  const [older, setOlder] = useState<readonly AuditEntry[]>([]);
  const [more, setMore] = useState(true);
  useEffect(() => {
    setOlder([]);
    setMore(data?.length === PAGE);
  }, [data]);
  const entries = [...(data ?? []), ...older];
  const load = async () => {
    try {
      const page = await keysAudit(PAGE, entries.at(-1)?.seq);
      setOlder((was) => [...was, ...page]);
      setMore(page.length === PAGE);
    } catch (failure) {
      notify.failed(failure);
    }
  };
  return (
    <Block title={t("audit")} aside={<Button onClick={reload}>{t("read_again")}</Button>}>
      {error !== undefined && <Failed error={error} retry={reload} />}
      {data?.length === 0 && <p className="text-muted">{t("no_audit")}</p>}
      {entries.length > 0 && (
        <Scroll label={t("audit")}>
          <table className="w-full min-w-4xl border-collapse">
            <thead>
              <tr>
                {COLUMNS.map((one) => (
                  <th key={one} scope="col" className={HEAD}>
                    {t(`column.${one}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <Row key={entry.seq} entry={entry} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {more && entries.length > 0 && (
        <div className="mt-3 text-center">
          <Button onClick={() => void load()}>{t("older")}</Button>
        </div>
      )}
    </Block>
  );
}

function Row({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation("pages");
  const bad = entry.outcome === "failed" || entry.outcome === "incomplete";
  return (
    <tr>
      <td className={`${CELL} text-xs whitespace-nowrap`}>
        <time dateTime={entry.at}>{dateTime(entry.at)}</time>
      </td>
      <td className={`${CELL} max-w-48`}>
        <Said text={entry.actor} />
      </td>
      <td className={CELL}>
        <Said text={entry.action} />
      </td>
      <td className={`${CELL} max-w-48`}>
        {entry.workspace_id && <WorkspaceLink id={entry.workspace_id} />}
        {!entry.workspace_id && entry.key && t("global")}
      </td>
      <td className={`${CELL} max-w-60 font-mono text-xs`}>
        {entry.key && <Said text={entry.key} />}
      </td>
      <td className={`${CELL} tabular-nums`}>{entry.format}</td>
      <td className={`${CELL} ${bad ? "text-danger" : ""}`}>
        <Said text={entry.outcome} />
      </td>
      <td className={`${CELL} max-w-80 text-xs`}>{entry.detail && <Said text={entry.detail} />}</td>
    </tr>
  );
}
