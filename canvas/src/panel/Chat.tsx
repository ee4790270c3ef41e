/** Talking to the agent of a workspace, where the server routes messages. */

import { Paperclip, Send } from "lucide-react";
import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, cx, IconButton } from "../kit";
import { timeOfDay } from "../kit/time";
import { Attachments, Chosen } from "./Attachments";
import { Quiet, Said } from "./parts";
import { useInfo } from "./server";
import { type Message, send, useTalk } from "./talk";
import { useFiles } from "./useFiles";

export function Chat({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const known = useInfo();
  const talk = useTalk((state) => state.talks[id]);
  const routes = known?.features.a2a === true;
  const messages = talk?.messages ?? [];
  return (
    <div className="flex min-h-full flex-col gap-3">
      <div role="log" aria-label={t("conversation")} className="grow space-y-3">
        {messages.length === 0 && <p className="text-muted">{t("no_messages")}</p>}
        {messages.map((message) => (
          <Bubble key={message.id} id={id} message={message} />
        ))}
        {talk?.waiting && <p className="text-muted">{t("waiting")}</p>}
      </div>
      {known && !routes && <Quiet>{t("no_a2a")}</Quiet>}
      <Composer
        id={id}
        disabled={!routes || talk?.waiting === true}
        takesFiles={known?.features.chat_files === true}
      />
    </div>
  );
}

function Bubble({ id, message }: { id: string; message: Message }) {
  const { t } = useTranslation("panel");
  const mine = message.from === "person";
  const look = mine ? "ml-8 bg-accent-soft" : "mr-8 bg-raised";
  return (
    <div className={`rounded-lg px-3 py-2 ${message.from === "error" ? "bg-danger-soft" : look}`}>
      <p className="text-xs text-muted">
        {t(`from.${message.from}`)} · {timeOfDay(message.at)}
      </p>
      {message.text !== "" && (
        <p className="whitespace-pre-wrap">
          <Said text={message.text} />
        </p>
      )}
      {message.text === "" && message.files.length === 0 && (
        <p className="text-muted">{t("no_text")}</p>
      )}
      <Attachments id={id} files={message.files} />
    </div>
  );
}

function Composer(props: { id: string; disabled: boolean; takesFiles: boolean }) {
  const { t } = useTranslation("panel");
  const [text, setText] = useState("");
  const [uploading, setUploading] = useState(false);
  const disabled = props.disabled || uploading;
  const chosen = useFiles(disabled || !props.takesFiles);
  const field = useId();
  const picker = useRef<HTMLInputElement>(null);
  const nothing = text.trim() === "" && chosen.files.length === 0;
  const submit = async () => {
    if (disabled || nothing) return;
    setUploading(chosen.files.length > 0);
    try {
      await send(props.id, text, chosen.files);
      setText("");
      chosen.clear();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      chosen.fail(t("not_uploaded", { why }));
    } finally {
      setUploading(false);
    }
  };
  return (
    <form
      aria-label={t("new_message")}
      className={cx(
        "sticky bottom-0 rounded-md bg-surface pt-1",
        chosen.over && "outline-2 outline-dashed outline-accent",
      )}
      {...(props.takesFiles ? chosen.target : {})}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {chosen.error !== "" && (
        <p role="alert" className="mb-1.5 break-words text-danger">
          {chosen.error}
        </p>
      )}
      <Chosen files={chosen.files} disabled={disabled} onRemove={chosen.remove} />
      <p role="status" className={uploading ? "mb-1.5 text-muted" : "sr-only"}>
        {uploading ? t("uploading", { count: chosen.files.length }) : ""}
      </p>
      <div className="flex items-end gap-2">
        {props.takesFiles && (
          <>
            <input
              ref={picker}
              type="file"
              multiple
              hidden
              aria-label={t("attach")}
              onChange={(event) => {
                chosen.add(event.target.files ?? []);
                // The same file may be chosen again.
                event.target.value = "";
              }}
            />
            <IconButton
              label={t("attach")}
              disabled={disabled}
              onClick={() => picker.current?.click()}
            >
              <Paperclip size={16} aria-hidden />
            </IconButton>
          </>
        )}
        <div className="min-w-0 grow">
          <label htmlFor={field} className="sr-only">
            {t("message")}
          </label>
          <textarea
            id={field}
            rows={2}
            dir="auto"
            value={text}
            disabled={disabled}
            placeholder={t("message")}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              void submit();
            }}
            className="block w-full resize-y rounded-md border border-line-strong bg-surface px-2.5 py-2 placeholder:text-muted disabled:opacity-60"
          />
        </div>
        <Button type="submit" look="primary" disabled={disabled || nothing}>
          <Send size={15} aria-hidden />
          {t("send")}
        </Button>
      </div>
    </form>
  );
}
