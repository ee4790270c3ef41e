/** Makes a whole organisation from a template: choose, see what is missing, import, see each. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/http";
import { newId } from "../../api/ids";
import {
  type ImportedOrg,
  importOrg,
  type OrgTemplate,
  orgTemplates,
  type Requirement,
} from "../../api/lifecycle";
import { Button, cx, Dialog } from "../../kit";
import { useLoad } from "../../kit/load";
import { Failed, Quiet } from "../../panel/parts";
import { answered } from "../state";
import { secretNames } from "./known";
import { Made } from "./Made";
import { MissingSecrets } from "./MissingSecrets";
import { Needs } from "./Needs";
import { requirementsOf } from "./needs";

export function OrganisationDialog() {
  const { t } = useTranslation(["lifecycle", "common"]);
  const listed = useLoad("organisation templates", orgTemplates);
  const secrets = useLoad("names of global secrets", secretNames);
  const [dir, setDir] = useState<string | null>(null);
  // One key for one wish, however often it has to be said.
  const [key, setKey] = useState(newId);
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const [missing, setMissing] = useState<readonly Requirement[]>([]);
  const [made, setMade] = useState<ImportedOrg | null>(null);
  const known = secrets.data ?? new Set<string>();
  const run = async (force: boolean) => {
    if (dir === null) return;
    setBusy(true);
    setWhy("");
    try {
      setMade(await importOrg(dir, force, key));
    } catch (error) {
      const lacks = error instanceof ApiError && error.status === 412;
      setMissing(lacks ? requirementsOf(error.body.missing_env) : []);
      if (!lacks) setWhy(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const close = () => !busy && answered();
  if (made) return <Made made={made} onClose={close} />;
  return (
    <Dialog
      open
      onClose={close}
      title={t("org_title")}
      description={t("org_text")}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            {t("common:cancel")}
          </Button>
          {missing.length > 0 && (
            <Button disabled={busy} onClick={() => void run(true)}>
              {t("import_anyway")}
            </Button>
          )}
          <Button look="primary" disabled={busy || dir === null} onClick={() => void run(false)}>
            {t(busy ? "importing" : missing.length > 0 ? "try_again" : "import_org")}
          </Button>
        </>
      }
    >
      {listed.error !== undefined && <Failed error={listed.error} retry={listed.reload} />}
      {listed.data?.length === 0 && <Quiet>{t("no_org_templates")}</Quiet>}
      <div className="space-y-1.5">
        {listed.data?.map((one) => (
          <Choice
            key={one.dir}
            template={one}
            known={known}
            chosen={dir === one.dir}
            disabled={busy}
            onChoose={() => {
              setDir(one.dir);
              setKey(newId());
              setMissing([]);
              setWhy("");
            }}
          />
        ))}
      </div>
      {missing.length > 0 && (
        <MissingSecrets missing={missing} known={known} onSet={secrets.reload} />
      )}
      {why && (
        <p role="alert" className="mt-3 break-words text-danger [overflow-wrap:anywhere]">
          {why}
        </p>
      )}
    </Dialog>
  );
}

interface ChoiceProps {
  template: OrgTemplate;
  known: ReadonlySet<string>;
  chosen: boolean;
  disabled: boolean;
  onChoose(): void;
}

function Choice({ template, known, chosen, disabled, onChoose }: ChoiceProps) {
  const { t } = useTranslation("lifecycle");
  return (
    <label
      className={cx(
        "flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2",
        chosen ? "border-accent bg-accent-soft" : "border-line-strong",
      )}
    >
      <input
        type="radio"
        name="organisation"
        className="mt-0.5 size-4 shrink-0 accent-accent"
        checked={chosen}
        disabled={disabled}
        onChange={onChoose}
      />
      <span className="min-w-0">
        <bdi dir="auto" className="font-medium [overflow-wrap:anywhere]">
          {template.name || template.dir}
        </bdi>{" "}
        <span className="text-xs text-muted">
          {t("workspaces_in", { count: template.workspaces })}
        </span>
        {template.description && (
          <bdi dir="auto" className="block text-sm text-muted [overflow-wrap:anywhere]">
            {template.description}
          </bdi>
        )}
        <Needs all={requirementsOf(template.required_env)} known={known} />
      </span>
    </label>
  );
}
