/** At the head of the panel: why its agent is not there, and what can be done about that. */

import { CirclePause, CircleX, Hourglass, Moon } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { events } from "../api/calls";
import { logTail } from "../api/lifecycle";
import type { Workspace } from "../api/types";
import { Button, cx } from "../kit";
import { useLoad } from "../kit/load";
import { span, useNow } from "../kit/time";
import { pathOf } from "../nav";
import { runOf, STATUS_EVENTS } from "../panel/events/types";
import { plain } from "../panel/logs/ansi";
import { Said } from "../panel/parts";
import { useInfo } from "../store/info";
import { offered } from "./actions";
import { wake } from "./once";
import { reasonText, standingOf } from "./standing";
import { begin } from "./state";
import "./texts";

const LOOKED_AT = 20;
/** Lines of the log that are shown without opening it. */
const TAIL = 12;

export default function Standing({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const { id, status, last_sample_error: sample } = workspace;
  const { data: newest } = useLoad(`standing ${id} ${status} ${sample}`, () =>
    events({ workspace: id, types: STATUS_EVENTS, limit: LOOKED_AT }),
  );
  const features = useInfo().info?.features;
  const standing = standingOf(status, sample, newest ?? []);
  if (standing === null) return null;
  const can = offered(workspace, features, 0);
  const since = newest && runOf(newest, status)?.created_at;
  switch (standing.kind) {
    case "starting": {
      const known = reasonText(standing.reason);
      return (
        <Strip look="busy" icon={<Hourglass size={16} aria-hidden />} title={<Since at={since} />}>
          {known ? (
            <p>{t(`reason.${known}`)}</p>
          ) : (
            standing.reason && <Said text={standing.reason} />
          )}
          {features?.logs && <ShowLog id={id} />}
        </Strip>
      );
    }
    case "failed":
      return (
        <Strip look="danger" icon={<CircleX size={16} aria-hidden />} title={t("failed_title")}>
          {standing.error && (
            <p className="max-h-32 overflow-y-auto whitespace-pre-wrap">
              <Said text={standing.error} />
            </p>
          )}
          <Missing id={id} names={standing.missing} />
          {features?.logs && <Tail id={id} round={since ?? ""} />}
          <div className="mt-2 flex flex-wrap gap-2">
            {can.includes("restart") && (
              <Button onClick={() => begin("restart", [id])}>{t("common:retry")}</Button>
            )}
            {features?.logs && <ShowLog id={id} />}
          </div>
        </Strip>
      );
    case "paused":
      return (
        <Strip look="quiet" icon={<CirclePause size={16} aria-hidden />} title={t("paused_title")}>
          <p>{t("paused_text")}</p>
          {can.includes("resume") && (
            <Button className="mt-2" onClick={() => begin("resume", [id])}>
              {t("common:act.resume")}
            </Button>
          )}
        </Strip>
      );
    default:
      return (
        <Strip
          look="quiet"
          icon={<Moon size={16} aria-hidden />}
          title={t(standing.kind === "hibernated" ? "hibernated_title" : "hibernating_title")}
        >
          <p>{t("hibernated_text")}</p>
          {standing.kind === "hibernated" && can.includes("restart") && (
            <Button className="mt-2" onClick={() => void wake(id)}>
              {t("wake")}
            </Button>
          )}
        </Strip>
      );
  }
}

const LOOKS = {
  busy: "bg-busy-soft text-busy",
  danger: "bg-danger-soft text-danger",
  quiet: "bg-quiet-soft text-quiet",
};

function Strip(props: {
  look: keyof typeof LOOKS;
  icon: ReactNode;
  title: ReactNode;
  children: ReactNode;
}) {
  return (
    <div
      role="status"
      data-testid="standing"
      className={cx("mx-4 mb-2 flex shrink-0 gap-2 rounded-md px-3 py-2", LOOKS[props.look])}
    >
      <span className="mt-0.5 shrink-0">{props.icon}</span>
      <div className="min-w-0 grow">
        <p className="font-semibold">{props.title}</p>
        {props.children}
      </div>
    </div>
  );
}

/** Readers are not told every second. */
function Since({ at }: { at: string | undefined }) {
  const { t } = useTranslation("lifecycle");
  const now = useNow();
  if (!at) return t("starting");
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  return (
    <>
      {t("starting")}{" "}
      <span aria-hidden className="font-normal tabular-nums">
        {t("starting_for", { span: span(seconds) })}
      </span>
    </>
  );
}

function Missing({ id, names }: { id: string; names: readonly string[] }) {
  const { t } = useTranslation("lifecycle");
  if (names.length === 0) return null;
  return (
    <p className="mt-1">
      {t("missing_secrets", { count: names.length })}{" "}
      {names.slice(0, 20).map((name) => (
        <code key={name} className="me-1 font-mono text-xs [overflow-wrap:anywhere]">
          {name}
        </code>
      ))}
      <a href={`#${pathOf(id, "secrets")}`} className="inline-block min-h-6 underline">
        {t("to_secrets")}
      </a>
    </p>
  );
}

function ShowLog({ id }: { id: string }) {
  const { t } = useTranslation("lifecycle");
  return (
    <a
      href={`#${pathOf(id, "logs")}`}
      className="inline-flex h-8 items-center px-1 underline underline-offset-2"
    >
      {t("show_log")}
    </a>
  );
}

/** The last lines, folded until they are asked for. Without a running agent there may be none. */
function Tail({ id, round }: { id: string; round: string }) {
  const { t } = useTranslation("lifecycle");
  const [open, setOpen] = useState(false);
  return (
    <details className="mt-1" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="min-h-6 cursor-pointer">{t("log_tail")}</summary>
      {open && <TailText id={id} round={round} />}
    </details>
  );
}

function TailText({ id, round }: { id: string; round: string }) {
  const { t } = useTranslation("lifecycle");
  const { data, error } = useLoad(`tail ${id} ${round}`, () => logTail(id, TAIL));
  if (error !== undefined) return <Said text={error instanceof Error ? error.message : ""} />;
  if (data === undefined) return null;
  const text = plain(data).trim();
  if (text === "") return <p>{t("log_empty")}</p>;
  return (
    <pre className="mt-1 max-h-48 overflow-auto rounded bg-surface p-2 font-mono text-xs whitespace-pre-wrap text-ink [overflow-wrap:anywhere]">
      {text}
    </pre>
  );
}
