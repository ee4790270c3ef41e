/** One file, shown and edited. */

import { Download, FilePen, Trash2 } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Root } from "../../api/files";
import { Button, IconButton } from "../../kit";
import { size } from "../../kit/bytes";
import { download } from "../../lifecycle/download";
import { begin } from "../../lifecycle/state";
import { Failed, Quiet } from "../parts";
import { nameOf, needsRestart } from "./paths";
import { type OpenFile, useFile } from "./useFile";

const CodeEditor = lazy(() => import("./CodeEditor"));

interface Props {
  id: string;
  root: Root;
  path: string;
  /** Whether there is something here that leaving would lose. */
  onDirty(dirty: boolean): void;
  onRename(): void;
  onDelete(tag: string | null): void;
}

export function Editor({ id, root, path, onDirty, onRename, onDelete }: Props) {
  const { t } = useTranslation("lifecycle");
  const file = useFile(id, root, path);
  const [saved, setSaved] = useState(false);
  const { dirty, kind } = file;
  useEffect(() => onDirty(dirty), [dirty, onDirty]);
  const save = async () => {
    if (dirty && !file.busy && (await file.save())) setSaved(true);
  };
  return (
    <section aria-label={t("file", { path })} className="flex h-full min-h-0 min-w-0 flex-col">
      <div className="mb-2 flex min-w-0 flex-wrap items-center gap-2">
        <bdi dir="ltr" title={path} className="min-w-0 grow truncate font-mono text-xs">
          {path}
        </bdi>
        <span role="status" className="text-xs text-muted">
          {dirty ? t("unsaved") : file.file ? size(file.file.size) : ""}
        </span>
        <div className="flex">
          {kind === "text" && (
            <IconButton
              label={t("file_download")}
              onClick={() => download(new Blob([file.text], { type: "text/plain" }), nameOf(path))}
            >
              <Download size={15} aria-hidden />
            </IconButton>
          )}
          <IconButton
            label={t("file_rename")}
            disabled={kind !== "text" || dirty}
            onClick={onRename}
          >
            <FilePen size={15} aria-hidden />
          </IconButton>
          <IconButton label={t("file_delete")} onClick={() => onDelete(file.file?.tag ?? null)}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </div>
        <Button
          look="primary"
          disabled={!dirty || file.busy || kind !== "text"}
          onClick={() => void save()}
        >
          {t("file_save")}
        </Button>
      </div>
      {file.error !== undefined && <Failed error={file.error} retry={file.reload} />}
      {file.conflict && <Clash file={file} />}
      {saved && !dirty && needsRestart(root) && (
        <div className="mb-2 flex flex-wrap items-center gap-2 rounded-md bg-busy-soft px-3 py-1.5 text-busy">
          <span>{t("restart_hint")}</span>
          <Button onClick={() => begin("restart", [id])}>{t("restart_now")}</Button>
        </div>
      )}
      {kind && kind !== "text" && (
        <Quiet>{t(`file_kind.${kind}`, { size: size(file.file?.size ?? 0) })}</Quiet>
      )}
      {kind === "text" && file.file && (
        <Suspense fallback={null}>
          <CodeEditor
            key={file.revision}
            label={t("file", { path })}
            path={path}
            text={file.text}
            readOnly={file.busy}
            onChange={file.edit}
            onSave={() => void save()}
          />
        </Suspense>
      )}
    </section>
  );
}

/** Somebody else has written the file since it was read. */
function Clash({ file }: { file: OpenFile }) {
  const { t } = useTranslation("lifecycle");
  const gone = file.conflict?.theirs === null;
  return (
    <div role="alert" className="mb-2 rounded-md bg-warn-soft px-3 py-2 text-warn">
      <p className="font-semibold">{t(gone ? "clash_gone" : "clash_title")}</p>
      <p>{t("clash_text")}</p>
      <div className="mt-2 flex flex-wrap gap-2">
        <Button onClick={() => void file.save(true)}>
          {t(gone ? "clash_write" : "clash_mine")}
        </Button>
        {!gone && <Button onClick={file.takeTheirs}>{t("clash_theirs")}</Button>}
        {!gone && (
          <Button look="ghost" onClick={() => void navigator.clipboard.writeText(file.text)}>
            {t("clash_copy")}
          </Button>
        )}
      </div>
      {file.conflict?.theirs && (
        <details className="mt-2">
          <summary className="min-h-6 cursor-pointer">{t("clash_show")}</summary>
          <pre className="max-h-48 overflow-auto rounded bg-surface p-2 font-mono text-xs whitespace-pre-wrap text-ink [overflow-wrap:anywhere]">
            {file.conflict.theirs.content.slice(0, 100_000)}
          </pre>
        </details>
      )}
    </div>
  );
}
