import { Dialog } from "radix-ui";
import { Suspense, useRef } from "react";
import { useTranslation } from "react-i18next";
import { later } from "../kit/later";
import { useView } from "../store/view";

// Asked for now and then: not part of what the first look loads.
const PaletteBody = later(() => import("./PaletteBody").then((body) => body.PaletteBody));

/** Reaches everything from the keyboard: workspaces, their tabs, and every command. */
export function Palette() {
  const { t } = useTranslation("command");
  const { palette: open, set } = useView();
  const typed = useRef("");
  return (
    <Dialog.Root
      open={open}
      onOpenChange={(palette) => {
        typed.current = "";
        set({ palette });
      }}
    >
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12dvh] left-1/2 z-40 flex max-h-[70dvh] w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-surface shadow-2xl"
        >
          <Dialog.Title className="sr-only">{t("title")}</Dialog.Title>
          <Suspense
            fallback={
              <Typing
                onTyped={(text) => {
                  typed.current = text;
                }}
              />
            }
          >
            <PaletteBody close={() => set({ palette: false })} typed={typed.current} />
          </Suspense>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** In place of the palette while it is loaded: no key that is pressed is lost. */
function Typing({ onTyped }: { onTyped(text: string): void }) {
  const { t } = useTranslation("command");
  return (
    <input
      // biome-ignore lint/a11y/noAutofocus: the dialog is for this field
      autoFocus
      aria-label={t("input")}
      className="h-12 w-full bg-transparent px-3 outline-none"
      onChange={(event) => onTyped(event.target.value)}
    />
  );
}
