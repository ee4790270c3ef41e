/** Restarts, pauses, resumes or hibernates: one or many, with what became of each. */

import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import * as api from "../api/lifecycle";
import { cascade, topmost } from "../dialogs/cascade";
import { short } from "../dialogs/Name";
import { Button, Dialog } from "../kit";
import { useInfo } from "../store/info";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { takesAlong } from "./actions";
import { Check } from "./Check";
import { Outcomes } from "./Outcomes";
import { busy, count, failed } from "./run";
import { answered, type Question } from "./state";
import { useRun } from "./useRun";

type Props = Extract<Question, { kind: "many" }>;

export function Many({ action, ids }: Props) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const { roots, all } = useConcerned(action, ids);
  const [options, setOptions] = useState<api.RestartOptions>({});
  const [force, setForce] = useState(false);
  const { outcomes, running, start } = useRun();
  const name = useOrg((state) => (roots[0] ? state.org[roots[0]]?.name : undefined)) ?? "";
  const again = failed(outcomes);
  const working = busy(outcomes);
  const act = (id: string): Promise<unknown> => {
    if (action === "restart") return api.restart(id, options);
    if (action === "pause") return api.pause(id);
    return action === "resume" ? api.resume(id) : api.hibernate(id, force);
  };
  const go = async () => {
    const become = await start(again.length > 0 ? again : roots, act);
    if (failed(become).length > 0) return;
    notify.info(t(`done.${action}`, { count: roots.length, name: short(name) }));
    answered();
  };
  const close = () => !running && answered();
  const title = { count: roots.length, name: short(name) };
  return (
    <Dialog
      open
      onClose={close}
      title={t(`title.${action}`, title)}
      description={t(`text.${action}`)}
      footer={
        <>
          <Button onClick={close} disabled={running}>
            {t("common:cancel")}
          </Button>
          <Button look="primary" disabled={running || roots.length === 0} onClick={() => void go()}>
            {running
              ? t("running", { done: count(outcomes, "done", "failed"), total: roots.length })
              : again.length > 0
                ? t("again", { count: again.length })
                : t(`do.${action}`)}
          </Button>
        </>
      }
    >
      {action === "restart" && (
        <RestartOptions value={options} disabled={running} onChange={setOptions} />
      )}
      {action === "hibernate" && working.length > 0 && (
        <div className="mb-3 rounded-md bg-warn-soft px-3 py-2 text-warn">
          <Check checked={force} disabled={running} onChange={setForce} hint={t("force_hint")}>
            {t("force", { count: working.length })}
          </Check>
        </div>
      )}
      <Outcomes all={all} outcomes={outcomes} roots={roots.length} />
    </Dialog>
  );
}

/** Whom it concerns: pausing and resuming take everybody below along. */
function useConcerned(action: Props["action"], ids: readonly string[]) {
  const tree = useOrg((state) => state.tree);
  return useMemo(() => {
    const { org } = useOrg.getState();
    const roots = takesAlong(action) ? topmost(org, ids) : ids.filter((id) => org[id]);
    const all = takesAlong(action) ? cascade(tree, roots) : roots.map((id) => ({ id, depth: 0 }));
    return { roots, all };
  }, [action, ids, tree]);
}

interface OptionsProps {
  value: api.RestartOptions;
  disabled: boolean;
  onChange(value: api.RestartOptions): void;
}

function RestartOptions({ value, disabled, onChange }: OptionsProps) {
  const { t } = useTranslation("lifecycle");
  const lifecycle = useInfo().info?.features.lifecycle === true;
  if (!lifecycle) return null;
  const set = (key: keyof api.RestartOptions) => (on: boolean) => onChange({ ...value, [key]: on });
  return (
    <fieldset className="mb-4 space-y-2">
      <legend className="mb-1 font-medium">{t("files_legend")}</legend>
      {([false, true] as const).map((template) => (
        <label key={String(template)} className="flex items-start gap-2">
          <input
            type="radio"
            name="files"
            disabled={disabled}
            className="mt-0.5 size-4 shrink-0 accent-accent"
            checked={(value.apply_template === true) === template}
            onChange={() => set("apply_template")(template)}
          />
          <span>
            {t(template ? "apply_template" : "keep_files")}
            <span className="block text-xs text-muted">
              {t(template ? "apply_template_hint" : "keep_files_hint")}
            </span>
          </span>
        </label>
      ))}
      <Check
        checked={value.reset === true}
        disabled={disabled}
        onChange={set("reset")}
        hint={t("reset_hint")}
      >
        {t("reset")}
      </Check>
    </fieldset>
  );
}
