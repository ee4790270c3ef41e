import { X } from "lucide-react";
import { Toast } from "radix-ui";
import { useTranslation } from "react-i18next";
import { Button, cx } from "../kit";
import { dismiss, useToasts } from "../store/toasts";

const SHOWN_MS = 6_000;

export function Toasts() {
  const { t } = useTranslation();
  const toasts = useToasts((state) => state.toasts);
  return (
    <Toast.Provider duration={SHOWN_MS} label={t("notices")}>
      {toasts.map((toast) => (
        <Toast.Root
          key={toast.id}
          type={toast.kind === "error" ? "foreground" : "background"}
          duration={toast.kind === "error" ? Number.POSITIVE_INFINITY : SHOWN_MS}
          onOpenChange={(open) => !open && dismiss(toast.id)}
          className={cx(
            "flex items-center gap-3 rounded-lg border bg-surface px-4 py-3 shadow-lg",
            toast.kind === "error" ? "border-danger text-danger" : "border-line",
          )}
        >
          <Toast.Description className="min-w-0 grow break-words">{toast.text}</Toast.Description>
          {toast.action && (
            <Toast.Action altText={toast.action.label} asChild>
              <Button onClick={toast.action.run}>{toast.action.label}</Button>
            </Toast.Action>
          )}
          <Toast.Close asChild>
            <Button look="ghost" className="w-8 px-0" aria-label={t("close")}>
              <X size={16} aria-hidden />
            </Button>
          </Toast.Close>
        </Toast.Root>
      ))}
      <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-96 max-w-[calc(100vw-2rem)] flex-col gap-2 outline-none" />
    </Toast.Provider>
  );
}
