/** Questions about files: a new one, another name, deleting one, losing what is not saved. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { deleteFile, type Root, readFile, writeFile } from "../../api/files";
import { ApiError } from "../../api/http";
import { Button, Dialog, Field } from "../../kit";
import { badPath } from "./paths";

export type Ask =
  | { kind: "new"; folder: string }
  | { kind: "rename"; path: string }
  | { kind: "delete"; path: string; tag: string | null }
  | { kind: "leave"; go(): void };

interface Props {
  id: string;
  root: Root;
  ask: Ask;
  onClose(): void;
  /** The files have changed: which is shown now (`null`: none), and where. */
  onDone(shown: string | null, ...changed: string[]): void;
}

export function Asks({ id, root, ask, onClose, onDone }: Props) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const named = ask.kind === "new" || ask.kind === "rename";
  const [path, setPath] = useState(
    ask.kind === "new"
      ? ask.folder
        ? `${ask.folder}/`
        : ""
      : ask.kind === "rename"
        ? ask.path
        : "",
  );
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const [tried, setTried] = useState(false);
  const bad = named ? badPath(path) : undefined;
  const act = async () => {
    setTried(true);
    if (bad) return;
    setBusy(true);
    setWhy("");
    try {
      if (ask.kind === "leave") {
        onClose();
        return ask.go();
      }
      if (ask.kind === "new") {
        await writeFile(id, root, path, "", "absent");
        onDone(path, path);
      } else if (ask.kind === "rename") {
        await move(id, root, ask.path, path);
        onDone(path, path, ask.path);
      } else {
        await deleteFile(id, root, ask.path, ask.tag === null ? "anything" : { tag: ask.tag });
        onDone(null, ask.path);
      }
      onClose();
    } catch (error) {
      setWhy(reason(error, t("file_taken"), t("file_changed"), ask.kind === "delete"));
    } finally {
      setBusy(false);
    }
  };
  const danger = ask.kind === "delete" || ask.kind === "leave";
  return (
    <Dialog
      open
      onClose={() => !busy && onClose()}
      title={t(`file_ask.${ask.kind}`)}
      description={
        ask.kind === "delete"
          ? t("file_delete_text", { path: ask.path })
          : ask.kind === "leave"
            ? t("file_leave_text")
            : undefined
      }
      footer={
        <>
          <Button onClick={onClose} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button look={danger ? "danger" : "primary"} disabled={busy} onClick={() => void act()}>
            {t(`file_do.${ask.kind}`)}
          </Button>
        </>
      }
    >
      {named && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void act();
          }}
        >
          <Field
            label={t("file_path")}
            hint={t("file_path_hint", { root })}
            dir="ltr"
            value={path}
            autoComplete="off"
            spellCheck={false}
            error={why || (tried && bad ? t(`path_bad.${bad}`) : undefined)}
            onChange={(event) => setPath(event.target.value)}
          />
        </form>
      )}
      {!named && why && (
        <p role="alert" className="break-words text-danger">
          {why}
        </p>
      )}
    </Dialog>
  );
}

/** Written under the new name first: should the rest fail, there are two and not none. */
async function move(id: string, root: Root, from: string, to: string): Promise<void> {
  if (from === to) return;
  const { content, tag } = await readFile(id, root, from);
  await writeFile(id, root, to, content, "absent");
  await deleteFile(id, root, from, tag === null ? "anything" : { tag });
}

function reason(error: unknown, taken: string, changed: string, deleting: boolean): string {
  const clash = error instanceof ApiError && [409, 412].includes(error.status);
  if (clash) return deleting ? changed : taken;
  return error instanceof Error ? error.message : String(error);
}
