import {
  Command,
  KeyRound,
  LayoutList,
  LogOut,
  Menu as MenuIcon,
  Moon,
  Network,
  Plus,
  Redo2,
  Search,
  ShieldQuestion,
  Sun,
  SunMoon,
  Undo2,
  Workflow,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { logout } from "../api/calls";
import { Button, cx, IconButton, Menu } from "../kit";
import { useConnection } from "../live/connection";
import { find } from "../model/find";
import { go, pathOf, usePlace } from "../nav";
import { redo, undo, useArrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useReadOnly } from "../store/shown";
import { notify } from "../store/toasts";
import { type Theme, useView } from "../store/view";
import { ApprovalsButton } from "./ApprovalsButton";
import { StatusFilter } from "./StatusFilter";

export function TopBar() {
  const { t } = useTranslation();
  const { page } = usePlace();
  const { mode, setMode, set } = useView();
  const readOnly = useReadOnly();
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface px-3">
      <a href="#/" className="flex items-center gap-2 font-semibold">
        <img src="/favicon.svg" alt="" width={22} height={22} />
        <span className="max-sm:sr-only">{t("app")}</span>
      </a>
      <Line />
      {page === "home" && (
        <>
          <fieldset className="ml-1 flex rounded-md border border-line-strong max-md:hidden">
            <View on={mode === "canvas"} label={t("canvas")} onClick={() => setMode("canvas")}>
              <Network size={15} aria-hidden />
            </View>
            <View on={mode === "list"} label={t("list")} onClick={() => setMode("list")}>
              <LayoutList size={15} aria-hidden />
            </View>
          </fieldset>
          <SearchBox />
          <StatusFilter />
        </>
      )}
      <div className="grow" />
      <ApprovalsButton />
      {page === "home" && <History disabled={readOnly} />}
      <IconButton label={t("commands")} keys="Control+K" onClick={() => set({ palette: true })}>
        <Command size={16} aria-hidden />
      </IconButton>
      <Button
        look="primary"
        disabled={readOnly}
        onClick={() => set({ creating: { parent: null } })}
        aria-label={t("create")}
      >
        <Plus size={16} aria-hidden />
        <span className="max-lg:hidden">{t("create")}</span>
      </Button>
      <MainMenu />
    </header>
  );
}

function Line() {
  const { t } = useTranslation();
  const state = useConnection((connection) => connection.state);
  const count = useOrg((org) => org.tree.order.length);
  const live = state === "live";
  return (
    <span
      className="flex items-center gap-1.5 text-xs text-muted"
      data-testid="line"
      data-state={state}
    >
      <span aria-hidden className={cx("size-2 rounded-full", live ? "bg-good" : "bg-warn")} />
      <span className="max-sm:sr-only">
        {live ? t("live") : t(state === "connecting" ? "connecting" : "lost")} ·{" "}
        {t("workspaces", { count })}
      </span>
    </span>
  );
}

function View(props: { on: boolean; label: string; onClick(): void; children: React.ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={props.on}
      onClick={props.onClick}
      className={cx(
        "flex h-7 items-center gap-1.5 rounded-[5px] px-2 text-sm",
        props.on ? "bg-accent-soft font-medium text-accent" : "text-muted hover:bg-raised",
      )}
    >
      {props.children}
      <span className="max-xl:sr-only">{props.label}</span>
    </button>
  );
}

function SearchBox() {
  const { t } = useTranslation();
  const { search, set } = useView();
  return (
    <label className="relative max-sm:hidden">
      <span className="sr-only">{t("search")}</span>
      <Search size={15} aria-hidden className="absolute top-2 left-2 text-muted" />
      <input
        id="search"
        type="search"
        value={search}
        placeholder={t("search")}
        onChange={(event) => set({ search: event.target.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter") openFirst(search);
        }}
        className="h-8 w-52 rounded-md border border-line-strong bg-surface pr-2 pl-7 max-lg:w-36"
      />
    </label>
  );
}

/** Opens the workspace that fits best, if one does. */
function openFirst(search: string): void {
  const { org } = usePast.getState().moment ?? useOrg.getState();
  const [first] = search.trim() === "" ? [] : find(org, search, 1).best;
  if (!first) return;
  useView.getState().select([first.id]);
  go(pathOf(first.id));
}

function History({ disabled }: { disabled: boolean }) {
  const { t } = useTranslation();
  const { past, future } = useArrange();
  return (
    <div className="flex max-md:hidden">
      <IconButton
        label={t("undo")}
        keys="Control+Z"
        disabled={disabled || past.length === 0}
        onClick={() => void undo()}
      >
        <Undo2 size={16} aria-hidden />
      </IconButton>
      <IconButton
        label={t("redo")}
        keys="Control+Shift+Z"
        disabled={disabled || future.length === 0}
        onClick={() => void redo()}
      >
        <Redo2 size={16} aria-hidden />
      </IconButton>
    </div>
  );
}

const THEMES: readonly Theme[] = ["light", "dark", "system"];
const THEME_ICONS = { light: Sun, dark: Moon, system: SunMoon };

function MainMenu() {
  const { t } = useTranslation();
  const setTheme = useView((view) => view.setTheme);
  const themes = THEMES.map((theme) => {
    const Icon = THEME_ICONS[theme];
    return {
      label: `${t("theme")}: ${t(`theme_${theme}`)}`,
      icon: <Icon size={15} aria-hidden />,
      onSelect: () => setTheme(theme),
    };
  });
  const items = [
    { label: t("canvas"), icon: <Network size={15} aria-hidden />, onSelect: () => go("/") },
    {
      label: t("approvals"),
      icon: <ShieldQuestion size={15} aria-hidden />,
      onSelect: () => go("/approvals"),
    },
    {
      label: t("runtime"),
      icon: <Workflow size={15} aria-hidden />,
      onSelect: () => go("/runtime"),
    },
    { label: t("keys"), icon: <KeyRound size={15} aria-hidden />, onSelect: () => go("/keys") },
    ...themes,
    {
      label: t("log_out"),
      icon: <LogOut size={15} aria-hidden />,
      onSelect: () => void logout().then(() => location.reload(), notify.failed),
    },
  ];
  return (
    <Menu
      items={items}
      trigger={
        <Button look="ghost" className="w-8 px-0" aria-label={t("menu")}>
          <MenuIcon size={16} aria-hidden />
        </Button>
      }
    />
  );
}
