/** What can be changed of a workspace, and how it goes away. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { patchWorkspace } from "../../api/calls";
import { ApiError } from "../../api/http";
import type { PatchWorkspace, Workspace } from "../../api/types";
import { Button, Field, Select } from "../../kit";
import { useWorkspace } from "../../store/org";
import { notify } from "../../store/toasts";
import { reasonFor, Section } from "../parts";
import { Danger } from "./Danger";
import { changesOf, type Draft, draftOf } from "./draft";

export function Settings({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const workspace = useWorkspace(id);
  if (!workspace) return null;
  return (
    <>
      <Section title={t("settings")}>
        <Form workspace={workspace} />
      </Section>
      <Danger workspace={workspace} />
    </>
  );
}

const FIELDS = ["name", "role", "tier", "runtime"] as const;
const TIERS = [1, 2, 3, 4] as const;

function Form({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("panel");
  // Only what a person has touched; the rest follows the workspace.
  const [touched, setTouched] = useState<Partial<Draft>>({});
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const draft = { ...draftOf(workspace), ...touched };
  const changes = changesOf(workspace, draft);
  const dirty = Object.keys(changes).length > 0;
  const touch = (change: Partial<Draft>) => setTouched((was) => ({ ...was, ...change }));
  const save = async (body: PatchWorkspace) => {
    setBusy(true);
    try {
      await patchWorkspace(workspace.id, body);
      setTouched({});
      setError(undefined);
      notify.info(t("saved"));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const at = (field: (typeof FIELDS)[number]) => reasonFor(error, field);
  const named = error instanceof ApiError && FIELDS.some((field) => field === error.field);
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (dirty) void save(changes);
      }}
    >
      <Field
        label={t("name")}
        dir="auto"
        value={draft.name}
        error={draft.name.trim() === "" ? t("name_required") : at("name")}
        onChange={(event) => touch({ name: event.target.value })}
      />
      <Field
        label={t("role")}
        dir="auto"
        value={draft.role}
        error={at("role")}
        onChange={(event) => touch({ role: event.target.value })}
      />
      <Select
        label={t("tier")}
        value={draft.tier}
        onChange={(tier) => touch({ tier })}
        options={tiers(workspace.tier).map((tier) => ({
          value: String(tier),
          label: `${tier} ${t(TIERS.some((one) => one === tier) ? `tier_${tier as 1}` : "tier_other")}`,
        }))}
      />
      {at("tier") && <p className="text-sm text-danger">{at("tier")}</p>}
      <Field
        label={t("runtime")}
        value={draft.runtime}
        hint={t("runtime_hint")}
        error={at("runtime")}
        onChange={(event) => touch({ runtime: event.target.value })}
      />
      {error !== undefined && !named && (
        <p role="alert" className="break-words text-danger">
          {error instanceof Error ? error.message : String(error)}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" look="primary" disabled={!dirty || busy || draft.name.trim() === ""}>
          {t("save")}
        </Button>
        {dirty && (
          <Button look="ghost" onClick={() => setTouched({})}>
            {t("discard")}
          </Button>
        )}
        {dirty && <span className="text-muted">{t("unsaved")}</span>}
      </div>
    </form>
  );
}

/** An unknown tier stays choosable: saving something else must not change it. */
const tiers = (now: number): number[] => [...new Set<number>([...TIERS, now])];
