import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "../kit";
import { useView } from "../store/view";
import { type Group, SHORTCUTS } from "./keys";
import { useKeys } from "./useKeys";

const GROUPS: readonly Group[] = ["general", "go", "org"];

/** All shortcuts, as they are. */
export function Shortcuts() {
  const { t } = useTranslation("command");
  const { shortcuts: open, set } = useView();
  useKeys();
  return (
    <Dialog
      open={open}
      wide
      onClose={() => set({ shortcuts: false })}
      title={t("shortcuts_title")}
      description={t("shortcuts_text")}
    >
      <div className="columns-1 gap-8 sm:columns-2">
        {GROUPS.map((group) => (
          <section key={group} className="mb-5 break-inside-avoid">
            <h3 className="mb-1 text-xs font-semibold text-muted">{t(`keygroup.${group}`)}</h3>
            <dl>
              {SHORTCUTS.filter((one) => one.group === group).map(({ id, keys }) => (
                <div key={id} className="flex items-center gap-3 border-b border-line py-1.5">
                  <dt className="min-w-0 grow">{t(`shortcut.${id}`)}</dt>
                  <dd className="shrink-0">
                    <Ways keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function Ways({ keys }: { keys: readonly string[] }) {
  const { t } = useTranslation("command");
  return keys.map((way, index) => (
    <Fragment key={way}>
      {index > 0 && (
        <span className={way.includes("+") ? "ms-1 text-xs text-muted" : "sr-only"}>
          {t("or")}{" "}
        </span>
      )}
      {way.split(" ").map((press, at) => (
        <Fragment key={press}>
          {at > 0 && <span className="text-xs text-muted"> {t("then")} </span>}
          <Keys press={press} />
        </Fragment>
      ))}
    </Fragment>
  ));
}

const mac = /mac|iphone|ipad/i.test(navigator.platform);

/** Keys of one press, as they are written on the keyboard. */
export function Keys({ press }: { press: string }) {
  const shown = press.split("+").map((key) => (key === "Mod" ? (mac ? "⌘" : "Ctrl") : key));
  return shown.map((key) => (
    <kbd
      key={key}
      className="ms-1 inline-block min-w-6 rounded border border-line-strong bg-raised px-1.5 py-0.5 text-center font-sans text-xs"
    >
      {key}
    </kbd>
  ));
}
