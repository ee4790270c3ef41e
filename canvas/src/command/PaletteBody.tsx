import { Command as Cmdk } from "cmdk";
import { ArrowLeft } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";
import { StatusBadge } from "../kit/status";
import { loadTemplates, useTemplates } from "../lifecycle/templates/known";
import { find } from "../model/find";
import { go, pathOf, usePlace } from "../nav";
import { useInfo } from "../store/info";
import { useOrg } from "../store/org";
import { useView } from "../store/view";
import { type Command, type CommandGroup, fitting, general, ofWorkspace } from "./commands";
import { moments } from "./moments";
import { Keys } from "./Shortcuts";

/** Workspaces that are listed at once. */
const LIMIT = 12;

/** What the palette is about: everything, one workspace, or moments. */
type Scope = { kind: "all" } | { kind: "workspace"; id: string } | { kind: "moment" };

const ORDER: readonly CommandGroup[] = ["here", "do", "go", "view", "filter", "moment"];
const ITEM =
  "flex min-h-9 cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 data-[selected=true]:bg-accent-soft";
const GROUP =
  "[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:font-semibold [&_[cmdk-group-heading]]:text-muted";

interface PaletteBodyProps {
  close(): void;
  /** What was typed before it was there. */
  typed: string;
}

export function PaletteBody({ close, typed }: PaletteBodyProps) {
  const { t } = useTranslation("command");
  const [query, setQuery] = useState(typed);
  const [scope, setScope] = useState<Scope>({ kind: "all" });
  const [highlighted, setHighlighted] = useState("");
  const enter = (next: Scope) => {
    setScope(next);
    setQuery("");
    setHighlighted("");
  };
  const { workspaces, total, commands, here } = useFound(scope, query, () =>
    enter({ kind: "moment" }),
  );
  const name = useOrg((state) => (here ? state.org[here]?.name : undefined)) ?? "";
  const inner = scope.kind !== "all";
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => nameActive(body.current));

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const field = event.currentTarget;
    const atEnd = field.selectionStart === query.length;
    if (event.key === "Backspace" && query === "" && inner) enter({ kind: "all" });
    else if (event.key === "ArrowRight" && atEnd && workspaces.some((w) => w === highlighted)) {
      enter({ kind: "workspace", id: highlighted });
    } else return;
    event.preventDefault();
  };
  const run = (command: Command) => {
    if (command.stays) return command.run();
    close();
    // After the palette has given the focus back, so that what opens now may have it.
    setTimeout(command.run, 0);
  };
  return (
    <Cmdk
      ref={body}
      shouldFilter={false}
      loop
      label={t("title")}
      value={highlighted}
      onValueChange={setHighlighted}
      className="flex min-h-0 flex-col"
    >
      <div className="flex items-center gap-2 border-b border-line px-3">
        {inner && (
          <Button
            look="ghost"
            className="w-8 shrink-0 px-0"
            aria-label={t("back")}
            onClick={() => enter({ kind: "all" })}
          >
            <ArrowLeft size={16} aria-hidden />
          </Button>
        )}
        {scope.kind === "workspace" && (
          <bdi className="max-w-40 shrink-0 truncate rounded bg-accent-soft px-2 py-0.5 text-sm">
            {name}
          </bdi>
        )}
        <Cmdk.Input
          autoFocus
          dir="auto"
          aria-label={t("input")}
          value={query}
          placeholder={t(scope.kind === "moment" ? "moment_placeholder" : "placeholder")}
          className="h-12 w-full min-w-0 bg-transparent outline-none placeholder:text-muted"
          onValueChange={setQuery}
          onKeyDown={onKeyDown}
        />
      </div>
      <Cmdk.List className="min-h-0 overflow-y-auto p-1.5">
        <Cmdk.Empty className="px-2 py-6 text-center text-muted">{t("none")}</Cmdk.Empty>
        {workspaces.length > 0 && (
          <Cmdk.Group heading={t("group.workspaces")} className={GROUP}>
            {workspaces.map((id) => (
              <Found
                key={id}
                id={id}
                onOpen={() => {
                  close();
                  useView.getState().select([id]);
                  go(pathOf(id));
                }}
              />
            ))}
            {total > LIMIT && (
              <p className="px-2 py-1 text-xs text-muted">{t("more", { count: LIMIT })}</p>
            )}
          </Cmdk.Group>
        )}
        {ORDER.map((group) => {
          const members = commands.filter((command) => command.group === group);
          if (members.length === 0) return null;
          return (
            <Cmdk.Group
              key={group}
              heading={group === "here" ? t("group.here", { name }) : t(`group.${group}`)}
              className={GROUP}
            >
              {members.map((command) => (
                <Cmdk.Item
                  key={command.id}
                  value={command.id}
                  onSelect={() => run(command)}
                  className={ITEM}
                >
                  <span className="min-w-0 grow truncate">{command.label}</span>
                  {command.keys?.split(" ").map((press) => (
                    <span key={press} className="shrink-0 max-sm:hidden">
                      <Keys press={press} />
                    </span>
                  ))}
                </Cmdk.Item>
              ))}
            </Cmdk.Group>
          );
        })}
      </Cmdk.List>
    </Cmdk>
  );
}

/** The kit names the item that was highlighted before; readers must hear of the one that is. */
function nameActive(body: HTMLElement | null): void {
  const active = body?.querySelector('[cmdk-item][aria-selected="true"]')?.id;
  for (const node of body?.querySelectorAll("[cmdk-input], [cmdk-list]") ?? []) {
    if (active) node.setAttribute("aria-activedescendant", active);
    else node.removeAttribute("aria-activedescendant");
  }
}

function Found({ id, onOpen }: { id: string; onOpen(): void }) {
  const { t } = useTranslation("command");
  const workspace = useOrg((state) => state.org[id]);
  if (!workspace) return null;
  return (
    <Cmdk.Item value={id} onSelect={onOpen} className={`group ${ITEM}`}>
      <bdi className="min-w-0 truncate font-medium">{workspace.name}</bdi>
      <span className="min-w-0 shrink-2 truncate text-xs text-muted" dir="auto">
        {workspace.role}
      </span>
      <span className="grow" />
      <span className="hidden shrink-0 text-xs text-muted sm:group-data-[selected=true]:inline">
        {t("inside")}
      </span>
      <StatusBadge status={workspace.status} className="shrink-0" />
    </Cmdk.Item>
  );
}

/** What fits the query. Workspaces as they are when the query changes: a palette is short-lived. */
function useFound(scope: Scope, query: string, askMoment: () => void) {
  const { t } = useTranslation(["command", "common"]);
  const { workspace } = usePlace();
  const { info } = useInfo();
  const templates = useTemplates((state) => state.list);
  useEffect(() => void loadTemplates(), []);
  const here = scope.kind === "workspace" ? scope.id : workspace;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `askMoment` does the same each time
  return useMemo(() => {
    const none = { workspaces: [] as string[], total: 0, here };
    if (scope.kind === "moment") return { ...none, commands: moments(t, query, Date.now()) };
    const own = here ? ofWorkspace(t, here) : [];
    if (scope.kind === "workspace") return { ...none, commands: fitting(t, own, query) };
    const { best, total } = find(useOrg.getState().org, query, LIMIT);
    const commands = fitting(t, [...own, ...general(t, askMoment)], query);
    // Without a query commands come first to hand: a list of the first names helps nobody.
    const listed = query.trim() === "" ? [] : best.map(({ id }) => id);
    return { workspaces: listed, total: listed.length > 0 ? total : 0, here, commands };
  }, [scope, query, here, t, info, templates]);
}
