import { CircleCheck, LoaderCircle } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { stopAgent } from "../api/calls";
import { short } from "../dialogs/Name";
import { Button } from "../kit";
import { go, pathOf } from "../nav";
import { useInfo } from "../store/info";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { useGuide } from "./state";
import type { Progress } from "./useProgress";

interface StepProps {
  progress: Progress;
}

function useName({ id }: Progress): string {
  return short(useOrg((state) => (id ? state.org[id]?.name : undefined)) ?? "", 24);
}

export function OnlineStep({ progress }: StepProps) {
  const { t } = useTranslation("guide");
  const name = useName(progress);
  const done = useGuide((guide) => guide.done.includes("online"));
  if (!done) return <Tick>{t("online_waiting", { name })}</Tick>;
  const { onlineAfter } = progress;
  return (
    <Tick done>
      {onlineAfter === null
        ? t("online_already", { name })
        : t("online_after", { name, seconds: seconds(onlineAfter) })}
    </Tick>
  );
}

export function MessageStep({ progress }: StepProps) {
  const { t } = useTranslation("guide");
  const name = useName(progress);
  const { info } = useInfo();
  const { id } = progress;
  if (!info?.features.a2a) return <p className="text-sm text-muted">{t("message_later")}</p>;
  return (
    <Text text={t("message_text", { name })}>
      {id && <Button onClick={() => go(pathOf(id, "chat"))}>{t("open_chat")}</Button>}
    </Text>
  );
}

export function ReviveStep({ progress }: StepProps) {
  const { t } = useTranslation("guide");
  const name = useName(progress);
  const { id, revival, watch } = progress;
  const workspace = useOrg((state) => (id ? state.org[id] : undefined));
  const [busy, setBusy] = useState(false);
  const hosted = workspace?.runtime === "isomer";
  const stop = async () => {
    if (!id) return;
    watch(true);
    if (!hosted) return;
    setBusy(true);
    try {
      await stopAgent(id);
    } catch (error) {
      watch(false);
      notify.failed(error);
    } finally {
      setBusy(false);
    }
  };
  if (revival && revival.onlineAt === null) {
    return (
      <>
        <Offline startedAt={revival.startedAt} offlineAt={revival.offlineAt} />
        {revival.offlineAt !== null && <Tick>{t("waiting_back")}</Tick>}
      </>
    );
  }
  return (
    <>
      {revival?.onlineAt && (
        <>
          <Offline startedAt={revival.startedAt} offlineAt={revival.offlineAt} />
          <Tick done>
            {t("came_back", { seconds: seconds((revival.onlineAt - revival.startedAt) / 1000) })}
          </Tick>
        </>
      )}
      <Text text={hosted ? t("stop_text") : t("stop_external", { name })}>
        <Button
          disabled={busy || workspace?.status !== "online"}
          className="max-w-full min-w-0"
          onClick={() => void stop()}
        >
          <span className="truncate">{hosted ? t("stop_now", { name }) : t("watch")}</span>
        </Button>
      </Text>
    </>
  );
}

function Offline({ startedAt, offlineAt }: { startedAt: number; offlineAt: number | null }) {
  const { t } = useTranslation("guide");
  if (offlineAt === null) return <Tick>{t("waiting_offline")}</Tick>;
  return (
    <Tick done>{t("went_offline", { seconds: seconds((offlineAt - startedAt) / 1000) })}</Tick>
  );
}

export function EventsStep({ progress: { id } }: StepProps) {
  const { t } = useTranslation("guide");
  if (!id) return null;
  return (
    <Button className="mt-1" onClick={() => go(pathOf(id, "events"))}>
      {t("open_events")}
    </Button>
  );
}

function Text({ text, children }: { text: string; children: ReactNode }) {
  return (
    <>
      <p className="mb-1 text-sm break-words text-muted">{text}</p>
      {children}
    </>
  );
}

/** Something that is waited for, or has happened. */
function Tick({ done, children }: { done?: boolean; children: ReactNode }) {
  return (
    <p role="status" className="flex items-start gap-1.5 text-sm break-words">
      {done ? (
        <CircleCheck size={14} aria-hidden className="mt-0.5 shrink-0 text-good" />
      ) : (
        <LoaderCircle size={14} aria-hidden className="mt-0.5 shrink-0 animate-spin text-busy" />
      )}
      <span className="min-w-0">{children}</span>
    </p>
  );
}

const seconds = (value: number) =>
  new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(value);
