/** Imports a bundle: choose it, look at it, import it, see what became of each workspace. */

import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { patchWorkspace } from "../../api/calls";
import { type Imported, importBundle } from "../../api/lifecycle";
import { Picker } from "../../dialogs/Picker";
import { Button, Dialog } from "../../kit";
import { answered } from "../state";
import { Plan } from "./Plan";
import { MOST_BYTES, type Read, readBundle } from "./preview";
import { Result } from "./Result";

interface Props {
  file: File | null;
  parent: string | null;
}

interface Chosen {
  name: string;
  size: number;
  read: Read;
}

export function BundleDialog({ file, parent: first }: Props) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [parent, setParent] = useState(first);
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const [result, setResult] = useState<Imported | null>(null);
  const good = chosen && "preview" in chosen.read ? chosen.read : null;

  const choose = async (next: File) => {
    setWhy("");
    setChosen({ name: next.name, size: next.size, read: await readFile(next) });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the file it begins with
  useEffect(() => {
    if (file) void choose(file);
  }, [file]);
  const run = async () => {
    if (!good) return;
    setBusy(true);
    setWhy("");
    try {
      setResult(await importUnder(good.bundle, parent, (why) => t("bundle_left", { why })));
    } catch (error) {
      setWhy(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const close = () => !busy && answered();
  if (result) {
    return (
      <Dialog
        open
        onClose={close}
        title={t("imported_title")}
        footer={
          <Button look="primary" onClick={close}>
            {t("common:close")}
          </Button>
        }
      >
        <Result result={result} />
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onClose={close}
      title={t("bundle_title")}
      description={t("bundle_text")}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button look="primary" disabled={busy || !good} onClick={() => void run()}>
            {busy ? t("importing") : t("import", { count: good?.preview.workspaces.length ?? 0 })}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <Choose disabled={busy} chosen={chosen?.name} onChoose={(next) => void choose(next)} />
        {chosen && <Plan {...chosen} />}
        {good && <Picker label={t("bundle_parent")} value={parent} nobody onChange={setParent} />}
        {why && (
          <p role="alert" className="break-words text-danger [overflow-wrap:anywhere]">
            {why}
          </p>
        )}
      </div>
    </Dialog>
  );
}

async function readFile(file: File): Promise<Read> {
  if (file.size > MOST_BYTES) return { bad: "too_large" };
  return readBundle(await file.text());
}

/** An import makes roots: its first workspace is moved then. */
/** What was made is told, also when it could not be put under its parent: to try again would double it. */
async function importUnder(
  bundle: unknown,
  parent: string | null,
  left: (why: string) => string,
): Promise<Imported> {
  const made = await importBundle(bundle);
  if (parent === null || made.status === "failed") return made;
  try {
    await patchWorkspace(made.workspace_id, { parent_id: parent });
    return made;
  } catch (error) {
    return { ...made, error: left(error instanceof Error ? error.message : String(error)) };
  }
}

interface ChooseProps {
  disabled: boolean;
  chosen: string | undefined;
  onChoose(file: File): void;
}

function Choose({ disabled, chosen, onChoose }: ChooseProps) {
  const { t } = useTranslation("lifecycle");
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="flex min-w-0 items-center gap-3">
      <Button disabled={disabled} onClick={() => input.current?.click()}>
        {t(chosen === undefined ? "choose_file" : "choose_other")}
      </Button>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        hidden
        aria-label={t("choose_file")}
        data-testid="bundle-file"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file) onChoose(file);
          // The same file may be chosen again after it was mended.
          event.target.value = "";
        }}
      />
      <bdi dir="auto" className="min-w-0 truncate text-muted">
        {chosen}
      </bdi>
    </div>
  );
}
