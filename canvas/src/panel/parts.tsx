/** What the tabs are made of. */

import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../api/http";
import { Button, cx } from "../kit";
import { ago, dateTime, useNow } from "../kit/time";
import { pathOf } from "../nav";
import { useShownWorkspace } from "../store/shown";
import { webUrl } from "./safe";

/** A part of a tab, under its own heading. */
export function Section(props: { title: ReactNode; aside?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="mb-6">
      <div className="mb-2 flex min-h-8 flex-wrap items-center justify-between gap-2">
        <h3 id={id} className="font-semibold">
          {props.title}
        </h3>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="divide-y divide-line rounded-lg border border-line">{children}</dl>;
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex gap-3 px-3 py-2 max-sm:flex-col max-sm:gap-0.5">
      <dt className="w-36 shrink-0 text-muted">{label}</dt>
      <dd className="min-w-0 grow break-words">{children}</dd>
    </div>
  );
}

/** Text that an agent wrote: isolated, and unable to break the layout. */
export function Said({ text, className }: { text: string; className?: string }) {
  return (
    <bdi dir="auto" className={cx("break-words [overflow-wrap:anywhere]", className)}>
      {text}
    </bdi>
  );
}

/** The name of a workspace, as a way to it. */
export function WorkspaceLink({ id }: { id: string }) {
  const workspace = useShownWorkspace(id);
  return (
    <a
      href={`#${pathOf(id)}`}
      className="inline-flex min-h-6 max-w-full items-center text-accent underline underline-offset-2"
    >
      <bdi dir="auto" className="truncate">
        {workspace?.name ?? id}
      </bdi>
    </a>
  );
}

/** A link where the address is one of the web, plain text where it is not. */
export function Address({ url }: { url: string }) {
  const href = webUrl(url);
  if (href === undefined) return <Said text={url} />;
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer noopener"
      className="text-accent underline underline-offset-2 [overflow-wrap:anywhere]"
    >
      <bdi>{url}</bdi>
    </a>
  );
}

const COPIED_MS = 2_000;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation("panel");
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <Button look="ghost" className="px-2" aria-label={label} onClick={() => void copy()}>
      {copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
      <span role="status">{copied ? t("copied") : ""}</span>
    </Button>
  );
}

/** A moment: how long ago, and when exactly. */
export function When({ at, className }: { at: string; className?: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={dateTime(at)} className={className}>
      {ago(Date.parse(at), now)}
    </time>
  );
}

/** Something could not be read: why, and once more. */
export function Failed({ error, retry }: { error: unknown; retry(): void }) {
  const { t } = useTranslation("panel");
  return (
    <div role="alert" className="rounded-lg border border-danger bg-danger-soft p-3 text-danger">
      <p className="break-words">
        {t("failed", { why: error instanceof Error ? error.message : String(error) })}
      </p>
      <Button className="mt-2" onClick={retry}>
        {t("try_again")}
      </Button>
    </div>
  );
}

export function Quiet({ children }: { children: ReactNode }) {
  return <p className="rounded-lg border border-line bg-raised p-3 text-muted">{children}</p>;
}

/** Why a field was refused: the server's reason where it names that field. */
export function reasonFor(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError) || error.field !== field) return undefined;
  const { reason } = error.body;
  return typeof reason === "string" && reason !== "" ? reason : error.message;
}
