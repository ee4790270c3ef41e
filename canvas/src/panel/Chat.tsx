/** Talking to the agent of a workspace, whether it is there, busy or away. */

import { Send } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";
import { Log } from "./chat/Log";
import { send } from "./chat/store";
import { Quiet } from "./parts";
import { useInfo } from "./server";

export function Chat({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const known = useInfo();
  const routes = known?.features.a2a === true;
  return (
    <div className="flex min-h-full flex-col gap-3">
      <Log id={id} />
      {known && !routes && <Quiet>{t("no_a2a")}</Quiet>}
      <Composer id={id} disabled={!routes} />
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
