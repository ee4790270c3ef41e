import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { delegations } from "../../api/talk";
import { useLoad } from "../../kit/load";
import { useAgain } from "../../live/again";
import { Failed, Quiet, Said, Section, When, WorkspaceLink } from "../parts";
import { delegationsOf } from "./list";
import { StateMark } from "./StateMark";

/** What this workspace has handed on to others, and what came of it. */
export function Delegations({ id }: { id: string }) {
  const { t } = useTranslation("messages");
  const { data, error, reload } = useLoad(`delegations ${id}`, () => delegations(id));
  useAgain(reload, (event) => event.workspace_id === id && event.event.startsWith("DELEGATION_"));
  const list = useMemo(() => delegationsOf(data ?? []), [data]);
  return (
    <Section title={t("delegations")}>
      {error !== undefined && <Failed error={error} retry={reload} />}
      {data && list.length === 0 && <Quiet>{t("no_delegations")}</Quiet>}
      <ol aria-label={t("delegations")} className="divide-y divide-line">
        {list.map((one) => (
          <li key={one.id} data-testid="delegation-row" className="min-w-0 py-2">
            <p className="flex min-w-0 items-center gap-2">
              <StateMark state={one.status} />
              <span className="shrink-0 text-muted">{t("to")}</span>
              <span className="min-w-0 grow">
                {one.target ? <WorkspaceLink id={one.target} /> : t("unknown")}
              </span>
              <When at={one.at} className="shrink-0 text-xs text-muted" />
            </p>
            {one.task && (
              <p className="line-clamp-2">
                <Said text={one.task} />
              </p>
            )}
            {one.error && (
              <p className="line-clamp-3 text-danger">
                <Said text={one.error} />
              </p>
            )}
            {one.preview && (
              <p className="line-clamp-3 text-muted">
                <Said text={one.preview} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </Section>
  );
}
