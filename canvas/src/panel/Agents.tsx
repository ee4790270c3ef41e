/** Which models have served a workspace, and which one does. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { assignModel, assignments } from "../api/calls";
import type { Assignment } from "../api/types";
import { Button, Field } from "../kit";
import { useLoad } from "../kit/load";
import { dateTime } from "../kit/time";
import { onEvent } from "../live/follow";
import { usePast } from "../store/past";
import { Failed, Quiet, reasonFor, Said, Section, When } from "./parts";

export function Agents({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const { data, error, reload } = useLoad(`agents ${id}`, () => assignments(id));
  const at = usePast((past) => past.moment?.at);
  useEffect(
    () =>
      onEvent((event) => {
        if (event.workspace_id === id && event.event.startsWith("AGENT_")) reload();
      }),
    [id, reload],
  );
  const list = data && at !== undefined ? asOf(data, at) : data;
  const current = list?.find((one) => one.removed_at === null);
  return (
    <>
      {error !== undefined && <Failed error={error} retry={reload} />}
      <Section title={t("current_model")}>
        {list && !current && <Quiet>{t("no_model")}</Quiet>}
        {current && (
          <p className="mb-2">
            <Said text={current.model ?? t("unknown_model")} className="font-mono" />{" "}
            <span className="text-muted">
              {t("since")} <When at={current.created_at} />
            </span>
          </p>
        )}
        {list && at === undefined && (
          <Assign key={current?.id ?? ""} id={id} replace={current !== undefined} done={reload} />
        )}
      </Section>
      <Section title={t("history")}>
        {list?.length === 0 && <Quiet>{t("no_history")}</Quiet>}
        <ol className="divide-y divide-line">
          {list?.map((one) => (
            <li key={one.id} className="py-2">
              <Row one={one} />
            </li>
          ))}
        </ol>
      </Section>
    </>
  );
}

/** The history as it was at a moment, in milliseconds of Unix time. */
function asOf(list: readonly Assignment[], at: number): Assignment[] {
  return list
    .filter((one) => Date.parse(one.created_at) <= at)
    .map((one) => {
      const still = one.removed_at !== null && Date.parse(one.removed_at) > at;
      return still ? { ...one, removed_at: null, removal_reason: null, status: "active" } : one;
    });
}

function Row({ one }: { one: Assignment }) {
  const { t } = useTranslation("panel");
  return (
    <>
      <Said text={one.model ?? t("unknown_model")} className="font-mono" />
      <span className="block text-xs text-muted">
        {one.removed_at
          ? t("served", { from: dateTime(one.created_at), to: dateTime(one.removed_at) })
          : t("serves", { from: dateTime(one.created_at) })}
        {one.removal_reason && (
          <>
            {" · "}
            <Said text={one.removal_reason} />
          </>
        )}
      </span>
    </>
  );
}

function Assign({ id, replace, done }: { id: string; replace: boolean; done(): void }) {
  const { t } = useTranslation("panel");
  const [model, setModel] = useState("");
  const [error, setError] = useState<unknown>();
  const save = async () => {
    try {
      await assignModel(id, model.trim(), replace);
      setModel("");
      setError(undefined);
      done();
    } catch (failure) {
      setError(failure);
    }
  };
  const said = error instanceof Error ? error.message : error ? String(error) : undefined;
  return (
    <form
      className="flex items-start gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Field
        className="min-w-0 grow"
        label={t(replace ? "replace_model" : "assign_model")}
        value={model}
        placeholder="anthropic:claude-opus-4-7"
        error={reasonFor(error, "model") ?? said}
        onChange={(event) => setModel(event.target.value)}
      />
      <Button type="submit" className="mt-6 h-9" disabled={model.trim() === ""}>
        {t(replace ? "replace" : "assign")}
      </Button>
    </form>
  );
}
