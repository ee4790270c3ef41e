/** Imports a folder of files as a template that workspaces can be made from. */

import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/http";
import { importTemplate } from "../../api/lifecycle";
import { Button, Dialog, Field } from "../../kit";
import { size } from "../../kit/bytes";
import { notify } from "../../store/toasts";
import { answered } from "../state";
import { inFolder, MOST_BYTES, MOST_FILES, readFolder, wanted } from "./folder";
import { loadTemplates } from "./known";

export function TemplateDialog() {
  const { t } = useTranslation(["lifecycle", "common"]);
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly File[]>([]);
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const bytes = chosen.reduce((sum, file) => sum + file.size, 0);
  const tooMuch = chosen.length > MOST_FILES || bytes > MOST_BYTES;
  const run = async () => {
    setBusy(true);
    setWhy("");
    try {
      const { files, left } = await readFolder(chosen);
      const made = await importTemplate(name.trim(), files);
      await loadTemplates();
      notify.info(t("template_imported", { name: made.name, count: left.length }));
      answered();
    } catch (error) {
      const taken = error instanceof ApiError && error.status === 409;
      setWhy(taken ? t("template_taken") : error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const close = () => !busy && answered();
  return (
    <Dialog
      open
      onClose={close}
      title={t("template_title")}
      description={t("template_text")}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button
            look="primary"
            disabled={busy || chosen.length === 0 || tooMuch || name.trim() === ""}
            onClick={() => void run()}
          >
            {t(busy ? "importing" : "import_template")}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <div className="flex items-center gap-3">
          <Button disabled={busy} onClick={() => input.current?.click()}>
            {t("choose_folder")}
          </Button>
          <span role="status" className={tooMuch ? "text-danger" : "text-muted"}>
            {chosen.length > 0 && t("folder_size", { count: chosen.length, size: size(bytes) })}
            {tooMuch && ` ${t("folder_limit", { most: MOST_FILES, size: size(MOST_BYTES) })}`}
          </span>
          <input
            ref={input}
            type="file"
            hidden
            aria-label={t("choose_folder")}
            {...{ webkitdirectory: "" }}
            onChange={(event) => {
              const files = [...(event.target.files ?? [])];
              setChosen(files.filter((file) => wanted(inFolder(file.webkitRelativePath))));
              if (name === "") setName(files[0]?.webkitRelativePath.split("/")[0] ?? "");
            }}
          />
        </div>
        <Field
          label={t("template_name")}
          dir="auto"
          value={name}
          disabled={busy}
          error={why || undefined}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
