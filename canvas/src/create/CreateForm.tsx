import { type FormEvent, lazy, Suspense, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Connection } from "../api/types";
import { Picker } from "../dialogs/Picker";
import { Button, Dialog, Field, Select } from "../kit";
import { useInfo } from "../store/info";
import type { Starting } from "../store/view";
import { RunsChoice } from "./RunsChoice";
import { type Draft, useCreate } from "./useCreate";

const TemplateChoice = lazy(() => import("../lifecycle/templates/TemplateChoice"));

export interface CreateFormProps {
  start: Starting;
  onClose(): void;
  onMade(id: string, name: string, connection: Connection | undefined): void;
}

const TIERS = ["1", "2", "3", "4"] as const;

export function CreateForm({ start, onClose, onMade }: CreateFormProps) {
  const { t } = useTranslation(["create", "common"]);
  const form = useId();
  const { info } = useInfo();
  const hosting = info?.features.hosted_agents === true;
  const [draft, setDraft] = useState<Omit<Draft, "runs"> & { runs: Draft["runs"] | null }>({
    name: "",
    role: "",
    tier: "3",
    parent: start.parent,
    // Until somebody chooses, what this server can do decides.
    runs: start.external ? "external" : null,
    runtime: "",
    template: start.template ?? "",
  });
  const { busy, errors, create, forgive } = useCreate();
  const change = (part: Partial<Draft>) => {
    setDraft((was) => ({ ...was, ...part }));
    forgive(part);
  };
  const runs = draft.runs ?? (hosting ? "hosted" : "external");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const created = await create({ ...draft, runs });
    if (created) onMade(created.id, draft.name.trim(), created.connection);
  };
  return (
    <Dialog
      open
      onClose={() => !busy && onClose()}
      title={t("title")}
      footer={
        <>
          <Button onClick={onClose} disabled={busy}>
            {t("common:cancel")}
          </Button>
          <Button look="primary" type="submit" form={form} disabled={busy}>
            {t(busy ? "creating" : "create")}
          </Button>
        </>
      }
    >
      <form id={form} noValidate className="space-y-4" onSubmit={(event) => void submit(event)}>
        <Field
          label={t("name")}
          autoFocus
          value={draft.name}
          error={errors.name}
          required
          maxLength={255}
          dir="auto"
          autoComplete="off"
          onChange={(event) => change({ name: event.target.value })}
        />
        <Field
          label={t("role")}
          hint={t("role_hint")}
          value={draft.role}
          error={errors.role}
          maxLength={1000}
          dir="auto"
          autoComplete="off"
          onChange={(event) => change({ role: event.target.value })}
        />
        {info?.features.templates === true && (
          <Suspense fallback={null}>
            <TemplateChoice
              value={draft.template}
              error={errors.template}
              onChange={(template) =>
                change({
                  template: template?.id ?? "",
                  ...(template?.tier ? { tier: String(template.tier) } : {}),
                })
              }
            />
          </Suspense>
        )}
        {draft.template === "" && (
          <RunsChoice
            hosting={hosting}
            runs={runs}
            runtime={draft.runtime}
            error={errors.runtime}
            onChange={change}
          />
        )}
        <Picker
          label={t("parent")}
          value={draft.parent}
          error={errors.parent_id}
          nobody
          onChange={(parent) => change({ parent })}
        />
        <div>
          <Select
            label={t("tier")}
            value={draft.tier}
            options={TIERS.map((value) => ({ value, label: t(`tiers.${value}`) }))}
            onChange={(tier) => change({ tier })}
          />
          <p className={`mt-1 text-xs ${errors.tier ? "text-danger" : "text-muted"}`}>
            {errors.tier ?? t("tier_hint")}
          </p>
        </div>
        {errors.other && (
          <p role="alert" className="break-words text-danger">
            {errors.other}
          </p>
        )}
      </form>
    </Dialog>
  );
}
