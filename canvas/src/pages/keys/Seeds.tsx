import { CircleCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { KeysStatus } from "../../api/types";
import { Said } from "../../panel/parts";
import { Block, CELL, HEAD, Scroll } from "../parts";

/** Which key wraps how many seeds. */
export function Seeds({ status }: { status: KeysStatus }) {
  const { t } = useTranslation("pages");
  return (
    <Block title={t("seeds")}>
      {status.seeds.length === 0 ? (
        <p className="text-muted">{t("no_seeds")}</p>
      ) : (
        <Scroll label={t("seeds")}>
          <table className="w-full min-w-md border-collapse">
            <thead>
              <tr>
                {(["wrapping_key", "provider", "seeds", "current"] as const).map((one) => (
                  <th key={one} scope="col" className={HEAD}>
                    {t(`column.${one}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {status.seeds.map((one) => (
                <tr key={`${one.provider} ${one.key_id}`}>
                  <th scope="row" className={`${CELL} text-left font-normal`}>
                    <Said text={one.key_id} className="font-mono text-xs" />
                  </th>
                  <td className={CELL}>
                    <Said text={one.provider} />
                  </td>
                  <td className={`${CELL} tabular-nums`}>{one.seeds}</td>
                  <td className={CELL}>
                    {one.current ? (
                      <span className="inline-flex items-center gap-1 text-good">
                        <CircleCheck size={13} aria-hidden />
                        {t("current")}
                      </span>
                    ) : (
                      <span className="text-warn">{t("not_current")}</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Block>
  );
}
