import { Bot, Plug } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { createWorkspace } from "../api/calls";
import { show } from "../create/created";
import { Button } from "../kit";
import { useInfo } from "../store/info";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { useGuide } from "./state";

/** For the first agent; it can be renamed. */
const NAME = "Ada";

/** Nothing is there: the one thing to do. */
export function Empty() {
  const { t } = useTranslation("guide");
  const { info, asked } = useInfo();
  const set = useView((view) => view.set);
  const [busy, setBusy] = useState(false);
  if (!asked) return null;
  const hosting = info?.features.hosted_agents === true;
  const start = async () => {
    setBusy(true);
    try {
      const body = { name: NAME, role: t("first_role"), runtime: "isomer" };
      const { id } = await createWorkspace(body);
      useGuide.getState().begin(id);
      await show(id);
    } catch (error) {
      notify.failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="pointer-events-none absolute inset-0 z-10 grid place-items-center overflow-y-auto p-4">
      <section
        aria-labelledby="guide-empty"
        className="pointer-events-auto max-w-md rounded-xl border border-line bg-surface p-8 text-center shadow-lg"
      >
        <h2 id="guide-empty" className="text-lg font-semibold">
          {t("empty_title")}
        </h2>
        <p className="mt-2 text-muted">{t(hosting ? "empty_hosted" : "empty_external")}</p>
        <div className="mt-5 flex flex-col items-center gap-2">
          {hosting ? (
            <Button
              look="primary"
              className="h-10 px-5"
              disabled={busy}
              onClick={() => void start()}
            >
              <Bot size={17} aria-hidden />
              {t(busy ? "starting" : "start_hosted")}
            </Button>
          ) : (
            <Button
              look="primary"
              className="h-10 px-5"
              onClick={() => set({ creating: { parent: null, external: true } })}
            >
              <Plug size={17} aria-hidden />
              {t("connect")}
            </Button>
          )}
          {hosting && (
            <Button look="ghost" onClick={() => set({ creating: { parent: null } })}>
              {t("or_create")}
            </Button>
          )}
        </div>
      </section>
    </div>
  );
}
