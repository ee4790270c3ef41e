/** Names of secrets. Their values are written here and never read. */

import { KeyRound, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { globalSecrets, secrets } from "../../api/calls";
import type { SecretMeta } from "../../api/types";
import { Button, IconButton } from "../../kit";
import { useLoad } from "../../kit/load";
import { Failed, Quiet, Section, When } from "../parts";
import { Remove } from "./Remove";
import { SecretForm } from "./SecretForm";

/** `null`: every workspace's. */
type Scope = string | null;

export function Secrets({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const own = useLoad(`secrets ${id}`, () => secrets(id));
  const global = useLoad("global secrets", globalSecrets);
  const mine = own.data?.filter((one) => one.scope === "workspace");
  const overridden = new Set(mine?.map((one) => one.key));
  return (
    <>
      <p className="mb-4 text-muted">{t("secrets_text")}</p>
      {own.error !== undefined && <Failed error={own.error} retry={own.reload} />}
      <Group title={t("own_secrets")} scope={id} list={mine} changed={own.reload} />
      {global.error !== undefined && <Failed error={global.error} retry={global.reload} />}
      <Group
        title={t("global_secrets")}
        scope={null}
        list={global.data}
        overridden={overridden}
        changed={global.reload}
      />
      <p className="text-xs text-muted">{t("reserved")}</p>
    </>
  );
}

interface GroupProps {
  title: string;
  scope: Scope;
  list: readonly SecretMeta[] | undefined;
  overridden?: ReadonlySet<string>;
  changed(): void;
}

function Group({ title, scope, list, overridden, changed }: GroupProps) {
  const { t } = useTranslation("panel");
  const [replacing, setReplacing] = useState<string | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  return (
    <Section
      title={title}
      aside={
        <Button aria-expanded={adding} onClick={() => setAdding(!adding)}>
          <Plus size={15} aria-hidden />
          {t("add_secret")}
        </Button>
      }
    >
      {adding && (
        <SecretForm
          scope={scope}
          known={list?.map((one) => one.key) ?? []}
          onSaved={() => {
            setAdding(false);
            changed();
          }}
        />
      )}
      {list?.length === 0 && <Quiet>{t(scope === null ? "no_global" : "no_own")}</Quiet>}
      <ul className="divide-y divide-line">
        {list?.map((one) => (
          <li key={one.key} className="py-1.5">
            <Row
              secret={one}
              overridden={overridden?.has(one.key) === true}
              onReplace={() => setReplacing(replacing === one.key ? null : one.key)}
              onRemove={() => setRemoving(one.key)}
            />
            {replacing === one.key && (
              <SecretForm
                scope={scope}
                name={one.key}
                onSaved={() => {
                  setReplacing(null);
                  changed();
                }}
              />
            )}
          </li>
        ))}
      </ul>
      <Remove scope={scope} name={removing} onClose={() => setRemoving(null)} onRemoved={changed} />
    </Section>
  );
}

interface RowProps {
  secret: SecretMeta;
  overridden: boolean;
  onReplace(): void;
  onRemove(): void;
}

function Row({ secret, overridden, onReplace, onRemove }: RowProps) {
  const { t } = useTranslation("panel");
  return (
    <div className="flex items-center gap-2">
      <KeyRound size={14} aria-hidden className="shrink-0 text-muted" />
      <span className="min-w-0 grow">
        <code className="font-mono text-xs [overflow-wrap:anywhere]">{secret.key}</code>
        <span className="block text-xs text-muted">
          {t("changed")} <When at={secret.updated_at} />
          {overridden && ` · ${t("overridden")}`}
        </span>
      </span>
      <IconButton label={t("replace_secret", { name: secret.key })} onClick={onReplace}>
        <RefreshCw size={15} aria-hidden />
      </IconButton>
      <IconButton label={t("delete_secret", { name: secret.key })} onClick={onRemove}>
        <Trash2 size={15} aria-hidden />
      </IconButton>
    </div>
  );
}
