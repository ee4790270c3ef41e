/** The files of a workspace: a tree of each root, and an editor. */

import { FilePlus2, RefreshCw, Upload } from "lucide-react";
import { type DragEvent, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ROOTS, type Root } from "../../api/files";
import { Button, cx, IconButton, Select } from "../../kit";
import { Quiet } from "../parts";
import { type Ask, Asks } from "./Asks";
import { dropDraft, newestDraft } from "./drafts";
import { Editor } from "./Editor";
import { folderOf } from "./paths";
import { Tree } from "./Tree";
import { Uploads } from "./Uploads";
import { MOST_FILES, type Uploaded, upload } from "./upload";
import { useFolders } from "./useFolder";
import "../../lifecycle/texts";

export function Files({ id }: { id: string }) {
  const [root, setRoot] = useState<Root>(() => newestDraft(id)?.root ?? "/configs");
  return <Rooted key={root} id={id} root={root} onRoot={setRoot} />;
}

function Rooted({ id, root, onRoot }: { id: string; root: Root; onRoot(root: Root): void }) {
  const { t } = useTranslation("lifecycle");
  const folders = useFolders(id, root);
  const [chosen, setChosen] = useState<string | null>(() => {
    const draft = newestDraft(id);
    return draft?.root === root ? draft.path : null;
  });
  const [round, setRound] = useState(0);
  const [ask, setAsk] = useState<Ask | null>(null);
  const [uploads, setUploads] = useState<readonly Uploaded[]>([]);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const dirty = useRef(false);
  const onDirty = useCallback((now: boolean) => {
    dirty.current = now;
  }, []);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => dirty.current && event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);
  /** What would lose something is asked about. */
  const leave = (go: () => void) => {
    if (!dirty.current || chosen === null) return go();
    setAsk({
      kind: "leave",
      go() {
        dirty.current = false;
        dropDraft(id, root, chosen);
        go();
      },
    });
  };
  const folder = chosen === null ? "" : folderOf(chosen);
  const choose = (path: string | null) =>
    leave(() => {
      setChosen(path);
      setRound((one) => one + 1);
    });
  const done = (shown: string | null, ...changed: string[]) => {
    dirty.current = false;
    if (chosen !== null) dropDraft(id, root, chosen);
    setChosen(shown);
    setRound((one) => one + 1);
    for (const one of new Set(["", ...changed.map(folderOf)])) void folders.read(one);
  };
  const add = async (files: Iterable<File>) => {
    const become: Uploaded[] = [];
    for (const file of [...files].slice(0, MOST_FILES)) {
      become.push(await upload(id, root, folder, file));
      setUploads([...become]);
    }
    void folders.read(folder);
  };
  const drop = {
    onDragOver(event: DragEvent) {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop(event: DragEvent) {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      setOver(false);
      void add(event.dataTransfer.files);
    },
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a second way beside the button
    <div
      {...drop}
      onKeyDown={(event) => {
        // The panel closes with Escape: not out of the editor, with what is not saved.
        const inside = event.target instanceof Element && event.target.closest(".cm-editor");
        if (event.key === "Escape" && inside) event.preventDefault();
      }}
      className={cx(
        "flex h-full min-h-0 flex-col gap-2 rounded-md",
        over && "outline-2 outline-accent outline-dashed",
      )}
    >
      <div className="flex flex-wrap items-end gap-2">
        <Select
          label={t("files_root")}
          hideLabel
          value={root}
          options={ROOTS.map((value) => ({ value, label: value }))}
          onChange={(value) => leave(() => onRoot(value as Root))}
          className="w-36"
        />
        <Button onClick={() => leave(() => setAsk({ kind: "new", folder }))}>
          <FilePlus2 size={15} aria-hidden />
          {t("file_new")}
        </Button>
        <Button onClick={() => input.current?.click()}>
          <Upload size={15} aria-hidden />
          {t("file_upload")}
        </Button>
        <IconButton
          label={t("files_reload")}
          onClick={() => {
            for (const path of Object.keys(folders.open)) void folders.read(path);
          }}
        >
          <RefreshCw size={15} aria-hidden />
        </IconButton>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          aria-label={t("file_upload")}
          data-testid="file-upload"
          onChange={(event) => {
            void add([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
      </div>
      <Uploads list={uploads} folder={folder} root={root} onClose={() => setUploads([])} />
      <div className="flex min-h-0 grow flex-col gap-2">
        <div
          className={cx(
            "shrink-0 overflow-y-auto rounded-md border border-line p-1",
            chosen === null ? "max-h-full" : "max-h-[34%]",
          )}
        >
          <Tree folders={folders} chosen={chosen} onChoose={choose} />
        </div>
        {chosen === null ? (
          <Quiet>{t("files_text")}</Quiet>
        ) : (
          <div className="min-h-0 grow">
            <Editor
              key={`${chosen} ${round}`}
              id={id}
              root={root}
              path={chosen}
              onDirty={onDirty}
              onRename={() => setAsk({ kind: "rename", path: chosen })}
              onDelete={(tag) => setAsk({ kind: "delete", path: chosen, tag })}
            />
          </div>
        )}
      </div>
      {ask && <Asks id={id} root={root} ask={ask} onClose={() => setAsk(null)} onDone={done} />}
    </div>
  );
}
