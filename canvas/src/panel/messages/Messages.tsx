/** The mailbox of a workspace, and what it has delegated. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { MESSAGE_STATES, type MessageFilter, type MessageState } from "../../api/talk";
import { Button, Select } from "../../kit";
import { useWorkspace } from "../../store/org";
import { Failed, Quiet, Section } from "../parts";
import { Delegations } from "./Delegations";
import { KEPT } from "./list";
import { MessageRow } from "./MessageRow";
import { useMail } from "./useMail";

export function Messages({ id }: { id: string }) {
  return (
    <>
      <Mailbox id={id} />
      <Delegations id={id} />
    </>
  );
}

type Direction = "in" | "out";

function Mailbox({ id }: { id: string }) {
  const { t } = useTranslation("messages");
  const [direction, setDirection] = useState<Direction>("in");
  const [state, setState] = useState<MessageState | "">("");
  const filter: MessageFilter = { direction, ...(state ? { state } : {}) };
  const mail = useMail(id, filter);
  const depth = useWorkspace(id)?.queue_depth ?? 0;
  return (
    <Section
      title={t("mailbox")}
      aside={<span className="text-muted">{t("depth", { count: depth })}</span>}
    >
      <div className="mb-3 grid grid-cols-2 gap-2">
        <Select
          label={t("direction")}
          value={direction}
          onChange={(value) => setDirection(value as Direction)}
          options={(["in", "out"] as const).map((one) => ({
            value: one,
            label: t(`directions.${one}`),
          }))}
        />
        <Select
          label={t("filter_state")}
          value={state}
          onChange={(value) => setState(value as MessageState | "")}
          options={[
            { value: "", label: t("any") },
            ...MESSAGE_STATES.map((one) => ({ value: one, label: t(`state.${one}`) })),
          ]}
        />
      </div>
      {mail.error !== undefined && <Failed error={mail.error} retry={mail.reload} />}
      {!mail.busy && mail.messages.length === 0 && mail.error === undefined && (
        <Quiet>{t("nothing")}</Quiet>
      )}
      <ol aria-label={t("mailbox")} aria-busy={mail.busy} className="divide-y divide-line">
        {mail.messages.map((message) => (
          <MessageRow key={message.id} id={id} message={message} onChange={mail.reload} />
        ))}
      </ol>
      {mail.next !== null && (
        <div className="mt-3 text-center">
          <Button disabled={mail.busy} onClick={mail.older}>
            {t("older")}
          </Button>
        </div>
      )}
      {mail.messages.length >= KEPT && (
        <p className="mt-3 text-muted">{t("most", { count: KEPT })}</p>
      )}
    </Section>
  );
}
