import { ShieldAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { KeysStatus } from "../../api/types";
import { CopyButton, Fact, Facts, Said } from "../../panel/parts";
import { Block } from "../parts";

/** Which key seals what is written now. */
export function Standing({ status }: { status: KeysStatus }) {
  const { t } = useTranslation("pages");
  return (
    <>
      {status.provider === "none" && (
        <div role="alert" className="mb-6 flex gap-2 rounded-xl bg-danger-soft p-3 text-danger">
          <ShieldAlert size={16} aria-hidden className="mt-0.5 shrink-0" />
          <p>
            <strong>{t("no_key_title")}</strong> {t("no_key_text")}
          </p>
        </div>
      )}
      <Block title={t("standing")}>
        <Facts>
          <Fact label={t("provider")}>{t(`provider_of.${status.provider}`)}</Fact>
          <Fact label={t("key_id")}>
            {status.key_id ? (
              <span className="flex flex-wrap items-center gap-1">
                <Said text={status.key_id} className="font-mono text-xs" />
                <CopyButton text={status.key_id} label={t("copy_key_id")} />
              </span>
            ) : (
              t("none")
            )}
          </Fact>
          <Fact label={t("tenant")}>
            {status.tenant ? <Said text={status.tenant} /> : t("no_tenant")}
          </Fact>
          <Fact label={t("write_format")}>
            <Format number={status.write_format} />
          </Fact>
          <Fact label={t("minimum_format")}>
            <Format number={status.minimum_format} />
            <p className="text-xs text-muted">{t("minimum_text")}</p>
          </Fact>
          <Fact label={t("stale_values")}>
            {status.stale_values}
            <p className="text-xs text-muted">{t("stale_text")}</p>
          </Fact>
          <Fact label={t("retired_seeds")}>{status.retired_seeds}</Fact>
        </Facts>
      </Block>
    </>
  );
}

const KNOWN = ["-1", "0", "1", "2", "3"] as const;

/** A format by number and by what it means. */
export function Format({ number }: { number: number | string }) {
  const { t } = useTranslation("pages");
  const known = KNOWN.find((one) => one === String(number));
  return (
    <>
      {String(number)}{" "}
      <span className="text-muted">– {t(known ? `format.${known}` : "format_other")}</span>
    </>
  );
}
