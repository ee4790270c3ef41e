import { Ban, ChevronRight } from "lucide-react";
import { memo, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { cancelMessage, type MailboxMessage, message as readMessage } from "../../api/talk";
import { Button, cx } from "../../kit";
import { useLoad } from "../../kit/load";
import { dateTime } from "../../kit/time";
import { useShownWorkspace } from "../../store/shown";
import { notify } from "../../store/toasts";
import { Json } from "../Json";
import { Failed, Said, When } from "../parts";
import { isOpen } from "./list";
import { StateMark } from "./StateMark";

interface MessageRowProps {
  /** Whose list it is in. */
  id: string;
  message: MailboxMessage;
  onChange(): void;
}

/** One message of a mailbox. Opened, it shows its content and its answer. */
export const MessageRow = memo(function MessageRow({ id, message, onChange }: MessageRowProps) {
  const { t } = useTranslation("messages");
  const [open, setOpen] = useState(false);
  const inside = useId();
  const title = useId();
  const { state, attempts, last_error: error } = message;
  const cancel = () => cancelMessage(id, message.id).catch(notify.failed).finally(onChange);
  return (
    <li
      data-testid="message-row"
      data-message={message.id}
      className="py-1.5 [contain-intrinsic-size:auto_56px] [content-visibility:auto]"
    >
      <div className="flex items-start gap-1">
        <button
          type="button"
          aria-expanded={open}
          aria-controls={inside}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 grow items-start gap-1.5 rounded-md p-1 text-left -outline-offset-2 hover:bg-raised"
        >
          <ChevronRight
            size={14}
            aria-hidden
            className={cx("mt-0.5 shrink-0 text-muted", open && "rotate-90")}
          />
          <span className="min-w-0 grow">
            <span id={title} className="flex min-w-0 items-center gap-2">
              <StateMark state={state} />
              <Ends id={id} message={message} />
            </span>
            <span className="mt-0.5 block text-xs text-muted">
              <When at={message.created_at} /> · {t("attempts", { count: attempts })}
              {isOpen(state) && message.expires_at && (
                <> · {t("expires", { when: dateTime(message.expires_at) })}</>
              )}
            </span>
            {error && state !== "delivered" && (
              <bdi dir="auto" className="block truncate text-xs text-danger">
                {error}
              </bdi>
            )}
          </span>
        </button>
        {isOpen(state) && (
          <Button
            look="ghost"
            className="px-2"
            aria-describedby={title}
            onClick={() => void cancel()}
          >
            <Ban size={14} aria-hidden />
            {t("cancel")}
          </Button>
        )}
      </div>
      <div id={inside} hidden={!open} className="pt-1 pl-6">
        {open && <Inside id={id} message={message} />}
      </div>
    </li>
  );
});

/** Who it is from, and whom it is for where that is not whose list it is in. */
function Ends({ id, message }: { id: string; message: MailboxMessage }) {
  const { t } = useTranslation("messages");
  const out = message.source_id === id && message.workspace_id !== id;
  const other = out ? message.workspace_id : message.source_id;
  const name = useShownWorkspace(other)?.name;
  return (
    <span className="flex min-w-0 gap-1">
      <span className="shrink-0 text-muted">{t(out ? "to" : "from")}</span>
      <bdi dir="auto" className="truncate font-medium">
        {other === null ? t("person") : (name ?? other)}
      </bdi>
    </span>
  );
}

function Inside({ id, message }: { id: string; message: MailboxMessage }) {
  const { t } = useTranslation("messages");
  const { data, error, reload } = useLoad(`message ${message.id} ${message.state}`, () =>
    readMessage(id, message.id),
  );
  return (
    <div className="space-y-2 pb-2">
      {message.last_error && (
        <p className="rounded-md bg-raised p-2">
          <span className="text-muted">{t("last_error")}</span> <Said text={message.last_error} />
        </p>
      )}
      {error !== undefined && <Failed error={error} retry={reload} />}
      {data && <Json value={data.body} label={t("content")} />}
      {data && data.response !== null && data.response !== undefined && (
        <div>
          <p className="mb-1 text-xs text-muted">{t("answer")}</p>
          <Json value={data.response} label={t("answer")} />
        </div>
      )}
    </div>
  );
}
