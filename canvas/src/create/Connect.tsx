import { CircleCheck, LoaderCircle, TriangleAlert } from "lucide-react";
import { Tabs } from "radix-ui";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { short } from "../dialogs/Name";
import { Button, Dialog } from "../kit";
import { onEvent } from "../live/follow";
import { useOrg } from "../store/org";
import type { Made } from "./CreateDialog";
import { Snippet } from "./Snippet";
import { fill } from "./snippet";

/** The lines by which an external agent connects, and whether it has. */
export function Connect({ made, onClose }: { made: Made; onClose(): void }) {
  const { t } = useTranslation("create");
  const { id, name, connection } = made;
  const connected = useConnected(id);
  const [copied, setCopied] = useState(false);
  const [asking, setAsking] = useState(false);
  const token = connection.auth_token;
  const close = () => (connected || copied || token === "" ? onClose() : setAsking(true));
  const snippets = [
    { key: "curl", text: fill(connection.curl_register_template, token) },
    { key: "python", text: fill(connection.python_snippet, token) },
  ] as const;
  return (
    <Dialog
      open
      wide
      onClose={close}
      title={t("connect_title", { name: short(name) })}
      description={t("connect_text")}
      footer={
        asking ? (
          <div role="alert" className="flex grow flex-wrap items-center justify-end gap-2">
            <span className="min-w-0 grow text-danger">{t("close_ask")}</span>
            <Button onClick={() => setAsking(false)}>{t("stay")}</Button>
            <Button look="danger" onClick={onClose}>
              {t("close_anyway")}
            </Button>
          </div>
        ) : (
          <Button look="primary" onClick={close} className="min-w-0">
            <span className="truncate">{t("open", { name: short(name, 30) })}</span>
          </Button>
        )
      }
    >
      <p className="mb-3 flex items-start gap-2 rounded-md bg-warn-soft px-3 py-2 text-warn">
        <TriangleAlert size={16} aria-hidden className="mt-0.5 shrink-0" />
        {t(token === "" ? "no_token" : "once")}
      </p>
      <Tabs.Root defaultValue="curl">
        <Tabs.List aria-label={t("snippets")} className="mb-2 flex gap-1">
          {snippets.map(({ key }) => (
            <Tabs.Trigger
              key={key}
              value={key}
              className="h-8 rounded-md px-3 text-sm text-muted data-[state=active]:bg-accent-soft data-[state=active]:font-medium data-[state=active]:text-accent"
            >
              {t(`snippet_${key}`)}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {snippets.map(({ key, text }) => (
          <Tabs.Content key={key} value={key} tabIndex={-1}>
            <Snippet label={t(`snippet_${key}`)} text={text} onCopied={() => setCopied(true)} />
          </Tabs.Content>
        ))}
      </Tabs.Root>
      <Tick connected={connected} />
    </Dialog>
  );
}

function Tick({ connected }: { connected: boolean }) {
  const { t } = useTranslation("create");
  return (
    <p
      role="status"
      data-testid="connect-tick"
      data-connected={connected}
      className={`mt-4 flex items-center gap-2 font-medium ${connected ? "text-good" : "text-muted"}`}
    >
      {connected ? (
        <CircleCheck size={18} aria-hidden />
      ) : (
        <LoaderCircle size={18} aria-hidden className="animate-spin" />
      )}
      {t(connected ? "connected" : "waiting")}
    </p>
  );
}

/** Whether the agent has been online since this was opened; it may be off again by now. */
function useConnected(id: string): boolean {
  const online = useOrg((state) => state.org[id]?.status === "online");
  const [heard, setHeard] = useState(false);
  useEffect(
    () =>
      onEvent((event) => {
        if (event.workspace_id === id && event.event === "WORKSPACE_ONLINE") setHeard(true);
      }),
    [id],
  );
  return online || heard;
}
