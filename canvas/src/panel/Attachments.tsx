/** Files of messages: those that came, and those that are about to be sent. */

import { Download, ExternalLink, FileText, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";
import { size } from "../kit/bytes";
import { type Attachment, placeOf } from "./attachments";

/** The files of a message, as ways to them. They are saved, never shown. */
export function Attachments({ id, files }: { id: string; files: readonly Attachment[] }) {
  const { t } = useTranslation("panel");
  if (files.length === 0) return null;
  return (
    <ul aria-label={t("files")} className="mt-1.5 space-y-1">
      {files.map((file, index) => (
        // Neither names nor addresses need be unique; the list of a message never changes.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <li key={index} className="min-w-0">
          <One id={id} file={file} />
        </li>
      ))}
    </ul>
  );
}

function One({ id, file }: { id: string; file: Attachment }) {
  const { t } = useTranslation("panel");
  const place = placeOf(id, file.uri);
  if (place === undefined) {
    return (
      <p className="flex min-w-0 items-center gap-1.5 text-muted">
        <FileText size={14} aria-hidden className="shrink-0" />
        <Name file={file} />
        <span className="shrink-0 text-xs">{t("file_elsewhere")}</span>
      </p>
    );
  }
  const here = place.kind === "download";
  const Icon = here ? Download : ExternalLink;
  return (
    <a
      href={place.href}
      rel="noreferrer noopener"
      {...(here ? { download: file.name } : { target: "_blank" })}
      className="inline-flex min-h-6 max-w-full items-center gap-1.5 text-accent [&>bdi]:underline [&>bdi]:underline-offset-2"
    >
      <Icon size={14} aria-hidden className="shrink-0" />
      <span className="sr-only">{t(here ? "download" : "open_file")}</span>
      <Name file={file} />
    </a>
  );
}

function Name({ file }: { file: { name: string; size?: number } }) {
  return (
    <>
      <bdi dir="auto" className="min-w-0 truncate">
        {file.name}
      </bdi>
      {file.size !== undefined && (
        <span className="shrink-0 text-xs text-muted">{size(file.size)}</span>
      )}
    </>
  );
}

/** Files that were chosen for the next message. */
export function Chosen(props: {
  files: readonly File[];
  disabled: boolean;
  onRemove(file: File): void;
}) {
  const { t } = useTranslation("panel");
  if (props.files.length === 0) return null;
  return (
    <ul aria-label={t("chosen_files")} className="mb-1.5 max-h-40 space-y-1 overflow-y-auto">
      {props.files.map((file, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same file may be chosen twice
        <li key={index} className="flex min-w-0 items-center gap-1.5">
          <FileText size={14} aria-hidden className="shrink-0 text-muted" />
          <Name file={file} />
          <Button
            look="ghost"
            className="ml-auto h-6 w-6 px-0"
            aria-label={t("remove_file", { name: file.name })}
            disabled={props.disabled}
            onClick={() => props.onRemove(file)}
          >
            <X size={14} aria-hidden />
          </Button>
        </li>
      ))}
    </ul>
  );
}
