/**
 * Writes one secret. The value lives in the input alone: it is read when the form is sent, and the
 * input is emptied when the server has it.
 */

import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { setSecret } from "../../api/calls";
import { ApiError } from "../../api/http";
import { Button, Field, IconButton } from "../../kit";
import { reasonFor } from "../parts";
import { isSecretName } from "./name";

interface SecretFormProps {
  scope: string | null;
  /** Replaces this one; without it a new name is asked for. */
  name?: string;
  /** The name is given, and nothing is there that would be replaced. */
  fresh?: boolean;
  known?: readonly string[];
  onSaved(): void;
}

interface Wrong {
  key?: string | undefined;
  value?: string | undefined;
  other?: string | undefined;
}

export function SecretForm({ scope, name, fresh = false, known = [], onSaved }: SecretFormProps) {
  const { t } = useTranslation("panel");
  const [wrong, setWrong] = useState<Wrong>({});
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);

  const explain = (error: unknown): Wrong => {
    const [key, value] = [reasonFor(error, "key"), reasonFor(error, "value")];
    if (key || value) return { key, value };
    if (error instanceof ApiError && error.code === "kms_unavailable") {
      return { other: t("kms_unavailable", { why: error.message }) };
    }
    return { other: error instanceof Error ? error.message : String(error) };
  };
  const submit = async (form: HTMLFormElement) => {
    const entered = new FormData(form);
    const key = name ?? String(entered.get("key") ?? "").trim();
    if (!isSecretName(key)) return setWrong({ key: t("key_rule") });
    if (entered.get("value") === "") return setWrong({ value: t("value_required") });
    setBusy(true);
    try {
      await setSecret(scope, key, String(entered.get("value")));
      form.reset();
      setShown(false);
      setWrong({});
      onSaved();
    } catch (error) {
      setWrong(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const title =
    name && !fresh ? t("replace_secret", { name }) : t(scope === null ? "add_global" : "add_own");
  return (
    <form
      aria-label={title}
      autoComplete="off"
      className="mt-2 space-y-2 rounded-lg border border-line bg-raised p-3"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(event.currentTarget);
      }}
    >
      {name === undefined && (
        <Field
          name="key"
          label={t("key")}
          hint={t("key_hint")}
          error={wrong.key}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
        />
      )}
      <div className="flex items-end gap-1">
        <Field
          name="value"
          label={name && !fresh ? t("new_value") : t("value")}
          error={wrong.value ?? (name ? wrong.key : undefined)}
          type={shown ? "text" : "password"}
          autoComplete="off"
          spellCheck={false}
          data-1p-ignore
          data-lpignore="true"
          className="min-w-0 grow"
        />
        <IconButton
          label={t(shown ? "hide_value" : "show_value")}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          {shown ? <EyeOff size={15} aria-hidden /> : <Eye size={15} aria-hidden />}
        </IconButton>
      </div>
      {wrong.other && (
        <p role="alert" className="break-words text-danger">
          {wrong.other}
        </p>
      )}
      <Button type="submit" disabled={busy}>
        {t(name && !fresh ? "replace" : "add")}
      </Button>
      {name === undefined && known.length > 0 && (
        <p className="text-xs text-muted">{t("same_name")}</p>
      )}
    </form>
  );
}
