/** The side panel: everything about one workspace, a tab for each kind of thing. */

import { Tabs } from "radix-ui";
import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import { later } from "../kit/later";
import { go, pathOf, type Tab, tabsWith, usePlace } from "../nav";
import { useInfo } from "../store/info";
import { useReadOnly, useShownWorkspace } from "../store/shown";
import { Chat } from "./Chat";
import { Header, UnknownHeader } from "./Header";
import { Missing } from "./Missing";
import { Overview } from "./overview/Overview";
import { OfThePresent } from "./Past";
import { Quiet } from "./parts";
import { Resizer } from "./Resizer";
import { close, useWidth } from "./window";

// Looked at now and then: not part of what the first look loads.
const Activity = lazy(() =>
  import("./activity/Activity").then((tab) => ({ default: tab.Activity })),
);
const Messages = lazy(() =>
  import("./messages/Messages").then((tab) => ({ default: tab.Messages })),
);
const Agents = later(() => import("./Agents").then((tab) => tab.Agents));
const Card = later(() => import("./Card").then((tab) => tab.Card));
const Events = later(() => import("./events/Events").then((tab) => tab.Events));
const Secrets = later(() => import("./secrets/Secrets").then((tab) => tab.Secrets));
const Settings = later(() => import("./settings/Settings").then((tab) => tab.Settings));
const Logs = lazy(() => import("./logs/Logs").then((tab) => ({ default: tab.Logs })));
const Files = lazy(() => import("./files/Files").then((tab) => ({ default: tab.Files })));
const TerminalTab = lazy(() =>
  import("./terminal/TerminalTab").then((tab) => ({ default: tab.TerminalTab })),
);
const Standing = lazy(() => import("../lifecycle/Standing"));

export function Panel() {
  const { workspace: id, tab } = usePlace();
  return id === null ? null : <Open key={id} id={id} tab={tab} />;
}

/** Statuses that are explained below the head. */
const NOT_THERE: readonly Status[] = [
  "provisioning",
  "failed",
  "paused",
  "hibernating",
  "hibernated",
];

function Open({ id, tab }: { id: string; tab: Tab }) {
  const { t } = useTranslation("panel");
  const workspace = useShownWorkspace(id);
  const [width, setWidth] = useWidth();
  const panel = useRef<HTMLElement>(null);
  useEscape(panel, id);
  const readOnly = useReadOnly();
  return (
    <aside
      ref={panel}
      data-panel
      aria-label={workspace ? t("panel", { name: workspace.name }) : t("unknown_title")}
      tabIndex={-1}
      style={{ width }}
      className="relative flex min-h-0 max-w-full shrink-0 flex-col border-l border-line bg-surface outline-none max-md:absolute max-md:inset-0 max-md:z-20 max-md:!w-full max-md:border-l-0"
    >
      <Resizer width={width} onChange={setWidth} />
      {workspace ? <Header workspace={workspace} /> : <UnknownHeader id={id} />}
      {workspace && NOT_THERE.includes(workspace.status) && !readOnly && (
        <Suspense fallback={null}>
          <Standing workspace={workspace} />
        </Suspense>
      )}
      {workspace ? <Content id={id} tab={tab} /> : <Missing id={id} />}
    </aside>
  );
}

const VIEWS: Record<Tab, (props: { id: string }) => React.ReactNode> = {
  overview: Overview,
  chat: Chat,
  messages: Messages,
  activity: Activity,
  logs: Logs,
  terminal: TerminalTab,
  files: Files,
  events: Events,
  secrets: Secrets,
  card: Card,
  agents: Agents,
  settings: Settings,
};

/** What has a past; the rest is of the present alone. */
const REMEMBERED: readonly Tab[] = ["overview", "events", "card", "agents"];

function Content({ id, tab }: { id: string; tab: Tab }) {
  const { t } = useTranslation("panel");
  const readOnly = useReadOnly();
  const { info, asked } = useInfo();
  const tabs = tabsWith(info?.features);
  const View = VIEWS[tab];
  return (
    <Tabs.Root
      value={tab}
      onValueChange={(value) => go(pathOf(id, value as Tab))}
      className="flex min-h-0 grow flex-col"
    >
      <Tabs.List
        aria-label={t("tabs")}
        className="flex shrink-0 overflow-x-auto border-b border-line px-2"
      >
        {tabs.map((one) => (
          <Trigger key={one} tab={one} on={one === tab} />
        ))}
      </Tabs.List>
      <Tabs.Content
        key={tab}
        value={tab}
        className="min-h-0 grow overflow-y-auto p-4 outline-offset-[-2px]"
      >
        {readOnly && !REMEMBERED.includes(tab) ? (
          <OfThePresent />
        ) : !tabs.includes(tab) ? (
          asked && <Quiet>{t("not_offered")}</Quiet>
        ) : (
          <Suspense fallback={null}>
            <View id={id} />
          </Suspense>
        )}
      </Tabs.Content>
    </Tabs.Root>
  );
}

function Trigger({ tab, on }: { tab: Tab; on: boolean }) {
  const { t } = useTranslation("panel");
  const place = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (on) place.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [on]);
  return (
    <Tabs.Trigger
      ref={place}
      value={tab}
      className="border-b-2 border-transparent px-1.5 py-2 whitespace-nowrap text-muted outline-offset-[-2px] hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
    >
      {t(`tab.${tab}`)}
    </Tabs.Trigger>
  );
}

/** Escape leaves a field first, then the panel. Menus and dialogs take theirs before. */
function useEscape(panel: React.RefObject<HTMLElement | null>, id: string) {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (event.key !== "Escape" || event.defaultPrevented) return;
      const field = target?.matches("input, textarea, select") === true;
      if (field && !panel.current?.contains(target)) return;
      event.preventDefault();
      if (field) panel.current?.focus();
      else close(id);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [panel, id]);
}
