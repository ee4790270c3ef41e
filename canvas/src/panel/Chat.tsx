/** Talking to the agent of a workspace, where the server routes messages. */

import { Send } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";
import { timeOfDay } from "../kit/time";
import { Quiet, Said } from "./parts";
import { useInfo } from "./server";
import { type Message, send, useTalk } from "./talk";

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
          <Bubble key={message.id} message={message} />
        ))}
        {talk?.waiting && <p className="text-muted">{t("waiting")}</p>}
      </div>
      {known && !routes && <Quiet>{t("no_a2a")}</Quiet>}
      <Composer id={id} disabled={!routes || talk?.waiting === true} />
    </div>
  );
}

function Bubble({ message }: { message: Message }) {
  const { t } = useTranslation("panel");
  const mine = message.from === "person";
  const look = mine ? "ml-8 bg-accent-soft" : "mr-8 bg-raised";
  return (
    <div className={`rounded-lg px-3 py-2 ${message.from === "error" ? "bg-danger-soft" : look}`}>
      <p className="text-xs text-muted">
        {t(`from.${message.from}`)} · {timeOfDay(message.at)}
      </p>
      <p className="whitespace-pre-wrap">
        {message.text === "" ? (
          <span className="text-muted">{t("no_text")}</span>
        ) : (
          <Said text={message.text} />
        )}
      </p>
    </div>
  );
}

function Composer({ id, disabled }: { id: string; disabled: boolean }) {
  const { t } = useTranslation("panel");
  const [text, setText] = useState("");
  const field = useId();
  const submit = () => {
    if (disabled || text.trim() === "") return;
    void send(id, text);
    setText("");
  };
  return (
    <form
      className="sticky bottom-0 flex items-end gap-2 bg-surface pt-1"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
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
            submit();
          }}
          className="block w-full resize-y rounded-md border border-line-strong bg-surface px-2.5 py-2 placeholder:text-muted disabled:opacity-60"
        />
      </div>
      <Button type="submit" look="primary" disabled={disabled || text.trim() === ""}>
        <Send size={15} aria-hidden />
        {t("send")}
      </Button>
    </form>
  );
}
