/** What an agent says of itself. All of it is text that somebody else wrote. */

import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { AgentCard } from "../api/types";
import { Button } from "../kit";
import { useShownWorkspace } from "../store/shown";
import { Address, CopyButton, Fact, Facts, Quiet, Said, Section } from "./parts";
import { Signature } from "./Signature";
import { listOf, recordOf, textOf, textsOf } from "./safe";

export function Card({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const workspace = useShownWorkspace(id);
  const card = workspace?.agent_card;
  const [raw, setRaw] = useState(false);
  if (!card) {
    return (
      <Quiet>
        {t("no_card")}
        <br />
        <code className="font-mono text-xs [overflow-wrap:anywhere]">{t("no_card_how")}</code>
      </Quiet>
    );
  }
  return (
    <>
      <div className="mb-3 flex items-center justify-between">
        <p className="text-muted">{t("card_text")}</p>
        <Button aria-pressed={raw} onClick={() => setRaw(!raw)}>
          {t("raw")}
        </Button>
      </div>
      {raw ? (
        <Raw card={card} />
      ) : (
        <Rendered card={card}>
          <Signature id={id} card={card} known={workspace.card_signature} />
        </Rendered>
      )}
    </>
  );
}

function Raw({ card }: { card: AgentCard }) {
  const { t } = useTranslation("panel");
  const text = JSON.stringify(card, null, 2);
  return (
    <>
      <CopyButton text={text} label={t("copy_card")} />
      <pre className="rounded-md bg-raised p-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
        <bdi>{text}</bdi>
      </pre>
    </>
  );
}

/** Shown in parts of their own, or in no way at all but raw. */
const URLS = ["url", "documentationUrl", "iconUrl"] as const;

function Rendered({ card, children }: { card: AgentCard; children: ReactNode }) {
  const { t } = useTranslation("panel");
  const provider = recordOf(card.provider);
  const [organization, address] = [textOf(provider.organization), textOf(provider.url)];
  const urls = URLS.filter((key) => textOf(card[key]) !== "");
  return (
    <>
      <Facts>
        <Fact label={t("name")}>
          {textOf(card.name) ? <Said text={textOf(card.name)} /> : t("none")}
        </Fact>
        {textOf(card.description) && (
          <Fact label={t("description")}>
            <Said text={textOf(card.description)} className="whitespace-pre-wrap" />
          </Fact>
        )}
        {textOf(card.version) && (
          <Fact label={t("version")}>
            <Said text={textOf(card.version)} />
          </Fact>
        )}
        {(organization || address) && (
          <Fact label={t("provider")}>
            <Said text={organization} /> {address && <Address url={address} />}
          </Fact>
        )}
        {urls.map((key) => (
          <Fact key={key} label={t(`card_url.${key}`)}>
            <Address url={textOf(card[key])} />
          </Fact>
        ))}
        {children}
        <Capabilities of={recordOf(card.capabilities)} />
      </Facts>
      <div className="mt-6" />
      <Skills skills={listOf(card.skills)} />
    </>
  );
}

function Capabilities({ of }: { of: Record<string, unknown> }) {
  const { t } = useTranslation("panel");
  const flags = Object.entries(of).filter(([, value]) => typeof value === "boolean");
  if (flags.length === 0) return null;
  return (
    <Fact label={t("capabilities")}>
      <ul>
        {flags.map(([name, value]) => (
          <li key={name}>
            <Said text={name} />: {t(value ? "yes" : "no")}
          </li>
        ))}
      </ul>
    </Fact>
  );
}

function Skills({ skills }: { skills: readonly unknown[] }) {
  const { t } = useTranslation("panel");
  const read = skills.map(recordOf);
  return (
    <Section title={t("skills", { count: skills.length })}>
      {skills.length === 0 && <Quiet>{t("no_skills")}</Quiet>}
      <ul className="space-y-2">
        {read.map((skill, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: agents may repeat ids; the order is theirs.
          <li key={place} className="rounded-lg border border-line p-3">
            <Skill skill={skill} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Skill({ skill }: { skill: Record<string, unknown> }) {
  const { t } = useTranslation("panel");
  const [tags, examples] = [textsOf(skill.tags), textsOf(skill.examples)];
  const description = textOf(skill.description);
  return (
    <>
      <h4 className="font-medium">
        <Said text={textOf(skill.name) || textOf(skill.id) || t("unnamed_skill")} />
      </h4>
      {description && (
        <p className="text-muted">
          <Said text={description} />
        </p>
      )}
      {tags.length > 0 && (
        <ul aria-label={t("tags")} className="mt-1 flex flex-wrap gap-1">
          {[...new Set(tags)].map((tag) => (
            <li key={tag} className="max-w-full truncate rounded-full bg-quiet-soft px-2 text-xs">
              <bdi dir="auto">{tag}</bdi>
            </li>
          ))}
        </ul>
      )}
      {examples.length > 0 && (
        <>
          <p className="mt-2 text-xs text-muted">{t("examples")}</p>
          <ul className="list-inside list-disc text-sm">
            {[...new Set(examples)].map((example) => (
              <li key={example}>
                <Said text={example} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
