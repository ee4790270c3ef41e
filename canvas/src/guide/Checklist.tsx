import { ChevronDown, ChevronUp, Circle, CircleCheck, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, cx } from "../kit";
import { useInfo } from "../store/info";
import { useView } from "../store/view";
import { EventsStep, MessageStep, OnlineStep, ReviveStep } from "./Steps";
import { STEPS, type Step, useGuide } from "./state";
import { useProgress } from "./useProgress";

/**
 * The steps. On a wide canvas they lie in a corner; beside a list, and on narrow screens, they are
 * below it and folded at first, so that they cover nothing.
 */
export function Checklist() {
  const { t } = useTranslation("guide");
  const { done, dismiss } = useGuide();
  const list = useView((view) => view.mode === "list");
  const [open, setOpen] = useState(() => !list && innerWidth >= 768);
  const progress = useProgress();
  const parts: Record<Step, ReactNode> = {
    online: <OnlineStep progress={progress} />,
    message: <MessageStep progress={progress} />,
    revive: <ReviveStep progress={progress} />,
    events: <EventsStep progress={progress} />,
  };
  // What this server cannot do yet is not waited for.
  const routing = useInfo().info?.features.a2a === true;
  const possible = STEPS.filter((step) => step !== "message" || routing);
  const next = possible.find((step) => !done.includes(step));
  const ended = possible.filter((step) => done.includes(step)).length;
  return (
    <section
      aria-label={t("title")}
      data-testid="guide"
      className={cx(
        "border-line bg-surface max-md:border-t",
        list
          ? "border-t"
          : "md:absolute md:top-3 md:right-3 md:z-10 md:w-80 md:rounded-xl md:border md:shadow-lg",
      )}
    >
      <header className="flex items-center gap-2 px-3 py-1.5">
        <h2 className="font-semibold">{t("title")}</h2>
        <span role="status" className="min-w-0 grow truncate text-xs text-muted">
          {t("progress", { done: ended, total: possible.length })}
        </span>
        <Button
          look="ghost"
          className="w-8 px-0"
          aria-expanded={open}
          aria-label={t(open ? "fold" : "unfold")}
          onClick={() => setOpen(!open)}
        >
          {open ? <ChevronDown size={16} aria-hidden /> : <ChevronUp size={16} aria-hidden />}
        </Button>
        <Button look="ghost" className="w-8 px-0" aria-label={t("dismiss")} onClick={dismiss}>
          <X size={16} aria-hidden />
        </Button>
      </header>
      {open && (
        <ol
          className={cx(
            "max-h-[40dvh] space-y-2 overflow-y-auto px-3 pb-3 md:max-h-none",
            list && "md:grid md:grid-cols-4 md:gap-4 md:space-y-0",
          )}
        >
          {STEPS.map((step) => (
            <li key={step} className="flex min-w-0 gap-2" data-done={done.includes(step)}>
              {done.includes(step) ? (
                <CircleCheck
                  size={17}
                  className="mt-0.5 shrink-0 text-good"
                  aria-label={t("done")}
                />
              ) : (
                <Circle
                  size={17}
                  className="mt-0.5 shrink-0 text-muted"
                  aria-label={t("open_step")}
                />
              )}
              <div className="min-w-0 grow">
                <h3 className={cx("font-medium", step !== next && "text-muted")}>
                  {t(`step.${step}`)}
                </h3>
                {parts[step]}
              </div>
            </li>
          ))}
        </ol>
      )}
      {open && next === undefined && (
        <p className="flex items-center gap-2 border-t border-line px-3 py-2">
          <span className="grow">{t("all_done")}</span>
          <Button look="primary" onClick={dismiss}>
            {t("finish")}
          </Button>
        </p>
      )}
    </section>
  );
}
