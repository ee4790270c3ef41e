import { Dialog } from "radix-ui";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { useView } from "../store/view";

// Asked for now and then: not part of what the first look loads.
const PaletteBody = lazy(() =>
  import("./PaletteBody").then((body) => ({ default: body.PaletteBody })),
);

/** Reaches everything from the keyboard: workspaces, their tabs, and every command. */
export function Palette() {
  const { t } = useTranslation("command");
  const { palette: open, set } = useView();
  return (
    <Dialog.Root open={open} onOpenChange={(palette) => set({ palette })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12dvh] left-1/2 z-40 flex max-h-[70dvh] w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-surface shadow-2xl"
        >
          <Dialog.Title className="sr-only">{t("title")}</Dialog.Title>
          <Suspense fallback={null}>
            <PaletteBody close={() => set({ palette: false })} />
          </Suspense>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
