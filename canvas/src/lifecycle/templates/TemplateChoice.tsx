/** In the dialog of a new workspace: what it is made from. */

import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { Template } from "../../api/lifecycle";
import { Select } from "../../kit";
import { useLoad } from "../../kit/load";
import { loadTemplates, secretNames, useTemplates } from "./known";
import { Needs } from "./Needs";
import { requirementsOf } from "./needs";
import "../texts";

interface Props {
  value: string;
  error: string | undefined;
  onChange(template: Template | null): void;
}

export default function TemplateChoice({ value, error, onChange }: Props) {
  const { t } = useTranslation("lifecycle");
  const { list, error: unread } = useTemplates();
  useEffect(() => void loadTemplates(), []);
  const chosen = list.find((one) => one.id === value);
  if (list.length === 0 && unread === undefined) return null;
  const options = [
    { value: "", label: t("no_template") },
    ...list.map((one) => ({ value: one.id, label: one.name || one.id })),
  ];
  return (
    <div>
      <Select
        label={t("template")}
        value={value}
        options={options}
        onChange={(id) => onChange(list.find((one) => one.id === id) ?? null)}
      />
      {(error ?? unread) !== undefined && (
        <p role="alert" className="mt-1 text-sm break-words text-danger">
          {error ?? t("templates_unread", { why: String(unread) })}
        </p>
      )}
      {chosen && <About template={chosen} />}
    </div>
  );
}

function About({ template }: { template: Template }) {
  const { t } = useTranslation("lifecycle");
  const { data: known } = useLoad("names of global secrets", secretNames);
  const needs = requirementsOf(template.required_env);
  const facts = [
    template.runtime && t("template_runtime", { runtime: template.runtime }),
    template.tier && t("tier", { tier: template.tier }),
    template.model,
    template.skill_count ? t("skills", { count: template.skill_count }) : "",
  ].filter(Boolean);
  return (
    <div className="mt-2 rounded-md bg-raised px-3 py-2 text-sm">
      {template.description && (
        <bdi dir="auto" className="block [overflow-wrap:anywhere]">
          {template.description}
        </bdi>
      )}
      <bdi dir="auto" className="block text-xs text-muted [overflow-wrap:anywhere]">
        {facts.join(" · ")}
      </bdi>
      {known && <Needs all={needs} known={known} />}
    </div>
  );
}
