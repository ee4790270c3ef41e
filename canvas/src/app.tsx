/** The shell: what is where. Each area has a folder of its own. */

import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Board } from "./board/Board";
import { Palette } from "./command/Palette";
import { Shortcuts } from "./command/Shortcuts";
import { CreateDialog } from "./create/CreateDialog";
import { Dialogs } from "./dialogs/Dialogs";
import { Guide } from "./guide/Guide";
import { Notice } from "./kit";
import { later, loadAhead } from "./kit/later";
import { Questions } from "./lifecycle/Questions";
import { useConnection } from "./live/connection";
import { followDepths } from "./live/depths";
import { follower } from "./live/follow";
import { usePlace } from "./nav";
import { Panel } from "./panel/Panel";
import { Announcer } from "./shell/Announcer";
import { Banner } from "./shell/Banner";
import { Toasts } from "./shell/Toasts";
import { TopBar } from "./shell/TopBar";
import { useTheme } from "./shell/theme";
import { useInfo } from "./store/info";
import { useOrg } from "./store/org";
import { useView } from "./store/view";
import { PastBanner, PastFrame } from "./time/PastMark";
import { Timeline } from "./time/Timeline";

// Looked at now and then: not part of what the first look loads.
const ListView = later(() => import("./list/ListView").then((view) => view.ListView));
const ApprovalsPage = lazy(() =>
  import("./pages/Approvals").then((page) => ({ default: page.ApprovalsPage })),
);
const KeysPage = lazy(() => import("./pages/Keys").then((page) => ({ default: page.KeysPage })));
const RuntimePage = lazy(() =>
  import("./pages/Runtime").then((page) => ({ default: page.RuntimePage })),
);

export function App() {
  useTheme();
  // Menus are made of what the server offers.
  useInfo();
  useEffect(() => {
    follower.start();
    const stop = followDepths();
    loadAhead();
    return () => {
      stop();
      follower.stop();
    };
  }, []);
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <button
        type="button"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-2"
        onClick={() => document.getElementById("main")?.focus()}
      >
        {t("skip_to_content")}
      </button>
      <TopBar />
      <Banner />
      <Main />
      <CreateDialog />
      <Dialogs />
      <Questions />
      <Palette />
      <Shortcuts />
      <Toasts />
      <Announcer />
    </div>
  );
}

function Main() {
  const { t } = useTranslation();
  const { page, workspace } = usePlace();
  const ready = useOrg((state) => state.ready);
  const connection = useConnection((state) => state.state);
  const mode = useView((state) => state.mode);
  return (
    // On narrow screens the panel covers what is beside it, which then cannot be reached either.
    <main
      id="main"
      tabIndex={-1}
      className="relative flex min-h-0 grow outline-none max-md:has-[>[data-panel]]:[&>:first-child]:invisible"
    >
      <Suspense fallback={null}>
        {page === "approvals" && <ApprovalsPage />}
        {page === "runtime" && <RuntimePage />}
        {page === "keys" && <KeysPage />}
      </Suspense>
      {page === "home" && !ready && <Waiting connection={connection} />}
      {page === "home" && ready && (
        <>
          <div className="flex min-w-0 grow flex-col">
            <h1 className="sr-only">{t("organisation")}</h1>
            <PastBanner />
            <section
              aria-label={mode === "list" ? t("list") : t("canvas")}
              className="relative flex min-h-0 grow flex-col"
            >
              <div className="relative min-h-0 grow">
                {mode === "list" ? (
                  <Suspense fallback={null}>
                    <ListView />
                  </Suspense>
                ) : (
                  <Board />
                )}
                <PastFrame />
              </div>
              <Guide />
            </section>
            <Timeline />
          </div>
          {workspace !== null && <Panel />}
        </>
      )}
    </main>
  );
}

function Waiting({ connection }: { connection: "connecting" | "live" | "lost" | "locked" }) {
  const { t } = useTranslation();
  if (connection === "locked") return <Notice title={t("locked_title")}>{t("locked_text")}</Notice>;
  if (connection === "lost") {
    return <Notice title={t("unreachable_title")}>{t("unreachable_text")}</Notice>;
  }
  return (
    <p role="status" className="m-auto text-muted">
      {t("loading")}
    </p>
  );
}
