import { Check } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Requirement } from "../../api/lifecycle";
import { Button } from "../../kit";
import { SecretForm } from "../../panel/secrets/SecretForm";
import { isMet, namesOf } from "./needs";

interface Props {
  missing: readonly Requirement[];
  known: ReadonlySet<string>;
  onSet(): void;
}

/** Secrets without which nothing was made: they can be set here, for every workspace. */
export function MissingSecrets({ missing, known, onSet }: Props) {
  const { t } = useTranslation("lifecycle");
  const [open, setOpen] = useState<string | null>(null);
  return (
    <section
      role="alert"
      aria-label={t("missing_title", { count: missing.length })}
      className="mt-4 rounded-md border border-line p-3"
    >
      <h3 className="font-semibold">{t("missing_title", { count: missing.length })}</h3>
      <p className="text-sm text-muted">{t("missing_text")}</p>
      <ul className="mt-2 divide-y divide-line">
        {missing.map((one) => (
          <li key={namesOf(one).join()} className="py-1.5">
            {isMet(one, known) ? (
              <span className="flex items-center gap-1.5 text-good">
                <Check size={14} aria-hidden />
                {t("secret_set", { name: namesOf(one).find((name) => known.has(name)) })}
              </span>
            ) : (
              <span className="flex flex-wrap items-center gap-2">
                {namesOf(one).map((name, index) => (
                  <span key={name} className="inline-flex items-center gap-2">
                    {index > 0 && <span className="text-xs text-muted">{t("or")}</span>}
                    <code className="font-mono text-xs [overflow-wrap:anywhere]">{name}</code>
                    <Button
                      className="h-7 px-2"
                      aria-expanded={open === name}
                      aria-label={t("set_secret", { name })}
                      onClick={() => setOpen(open === name ? null : name)}
                    >
                      {t("set")}
                    </Button>
                  </span>
                ))}
              </span>
            )}
            {open !== null && namesOf(one).includes(open) && !isMet(one, known) && (
              <SecretForm
                scope={null}
                name={open}
                fresh
                onSaved={() => {
                  setOpen(null);
                  onSet();
                }}
              />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
