import { memo } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "../../kit";
import { dateTime, timeOfDay } from "../../kit/time";
import { Attachments } from "../Attachments";
import { attachmentsIn } from "../attachments";
import { Said } from "../parts";
import { DeliveryMark } from "./Delivery";
import type { Bubble as Message } from "./model";

/** Older messages are told with their day. */
const DAY_MS = 86_400_000;

/** Something that was said. */
export const Bubble = memo(function Bubble({ id, message }: { id: string; message: Message }) {
  const { t } = useTranslation("panel");
  const { from, text, parts, at, delivery, cut } = message;
  const files = attachmentsIn(parts);
  const look = {
    person: "ml-8 bg-accent-soft",
    agent: "mr-8 bg-raised",
    error: "mr-8 bg-danger-soft",
  }[from];
  const recent = Date.now() - at < DAY_MS;
  return (
    <div className={cx("rounded-lg px-3 py-2", look)} data-from={from}>
      <p className="text-xs text-muted">
        {t(`from.${from}`)} ·{" "}
        <time dateTime={new Date(at).toISOString()} title={dateTime(at)}>
          {recent ? timeOfDay(at) : dateTime(at)}
        </time>
      </p>
      {text !== "" && (
        <p className="whitespace-pre-wrap">
          <Said text={text} />
        </p>
      )}
      {text === "" && files.length === 0 && (
        <p className="text-muted">{t(from === "agent" ? "no_text" : "no_own_text")}</p>
      )}
      <Attachments id={id} files={files} />
      {cut && <p className="text-xs text-muted">{t("cut")}</p>}
      {delivery && <DeliveryMark id={id} message={message.key} delivery={delivery} />}
    </div>
  );
});
