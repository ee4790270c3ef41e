/** What every view is made of: Radix primitives in our colours. */

import { X } from "lucide-react";
import { DropdownMenu, Dialog as RadixDialog, Tooltip as RadixTooltip } from "radix-ui";
import type { ButtonHTMLAttributes, InputHTMLAttributes, ReactNode } from "react";
import { useId } from "react";
import { useTranslation } from "react-i18next";

export const cx = (...names: (string | false | null | undefined)[]) =>
  names.filter(Boolean).join(" ");

const LOOKS = {
  primary: "bg-accent text-accent-ink hover:brightness-110 border-transparent",
  plain: "bg-surface text-ink hover:bg-raised border-line-strong",
  ghost: "bg-transparent text-ink hover:bg-raised border-transparent",
  danger: "bg-danger text-surface hover:brightness-110 border-transparent",
} as const;

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
}

export function Button({ look = "plain", className, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={cx(
        "inline-flex h-8 items-center justify-center gap-1.5 rounded-md border px-3 text-sm font-medium whitespace-nowrap disabled:opacity-50 [&>svg]:shrink-0",
        LOOKS[look],
        className,
      )}
      {...rest}
    />
  );
}

export interface IconButtonProps extends ButtonProps {
  /** What it does: its accessible name, and its tooltip. */
  label: string;
  keys?: string;
}

export function IconButton({ label, keys, className, look = "ghost", ...rest }: IconButtonProps) {
  return (
    <Tooltip text={keys ? `${label} (${keys})` : label}>
      <Button
        aria-label={label}
        aria-keyshortcuts={keys}
        look={look}
        className={cx("w-8 px-0", className)}
        {...rest}
      />
    </Tooltip>
  );
}

export function Tooltip({ text, children }: { text: ReactNode; children: ReactNode }) {
  return (
    <RadixTooltip.Root>
      <RadixTooltip.Trigger asChild>{children}</RadixTooltip.Trigger>
      <RadixTooltip.Portal>
        <RadixTooltip.Content
          sideOffset={6}
          className="z-50 max-w-80 rounded-md bg-ink px-2 py-1 text-xs break-words text-surface shadow-lg"
        >
          {text}
        </RadixTooltip.Content>
      </RadixTooltip.Portal>
    </RadixTooltip.Root>
  );
}

export interface DialogProps {
  open: boolean;
  onClose(): void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
  /** Buttons, right-aligned. */
  footer?: ReactNode;
}

export function Dialog(props: DialogProps) {
  const { t } = useTranslation();
  return (
    <RadixDialog.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <RadixDialog.Content
          className={cx(
            "fixed top-1/2 left-1/2 z-40 flex max-h-[90dvh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-xl border border-line bg-surface shadow-2xl",
            props.wide ? "max-w-3xl" : "max-w-lg",
          )}
          {...(props.description ? {} : { "aria-describedby": undefined })}
          // A list that is open in a field closes before the dialog does.
          onEscapeKeyDown={(event) => {
            if (document.activeElement?.hasAttribute("data-keeps-escape")) event.preventDefault();
          }}
        >
          <header className="flex items-start gap-4 px-5 pt-4">
            <div className="min-w-0 grow">
              <RadixDialog.Title className="text-base font-semibold break-words">
                {props.title}
              </RadixDialog.Title>
              {props.description && (
                <RadixDialog.Description className="mt-1 text-muted">
                  {props.description}
                </RadixDialog.Description>
              )}
            </div>
            <RadixDialog.Close asChild>
              <Button look="ghost" className="w-8 px-0" aria-label={t("close")}>
                <X size={16} aria-hidden />
              </Button>
            </RadixDialog.Close>
          </header>
          <div className="min-h-0 grow overflow-y-auto px-5 py-4">{props.children}</div>
          {props.footer && (
            <footer className="flex justify-end gap-2 border-t border-line px-5 py-3">
              {props.footer}
            </footer>
          )}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

export interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "id"> {
  label: string;
  hint?: ReactNode;
  /** Why what was entered is refused. */
  error?: string | undefined;
}

const INPUT =
  "h-9 w-full rounded-md border border-line-strong bg-surface px-2.5 text-ink placeholder:text-muted disabled:opacity-60";

export function Field({ label, hint, error, className, ...rest }: FieldProps) {
  const id = useId();
  const about = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={about}
        className={cx(INPUT, error && "border-danger")}
        {...rest}
      />
      {error ? (
        <p id={`${id}-error`} className="mt-1 text-sm text-danger">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-hint`} className="mt-1 text-xs text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}

export interface SelectProps {
  label: string;
  hideLabel?: boolean;
  value: string;
  onChange(value: string): void;
  options: readonly { value: string; label: string }[];
  className?: string;
}

/** The platform's own select: it works with every keyboard, reader and phone. */
export function Select({ label, hideLabel, value, onChange, options, className }: SelectProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1 block text-sm font-medium"}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className={INPUT}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect(): void;
}

export interface MenuProps {
  trigger: ReactNode;
  items: readonly MenuItem[];
  /** Begins open: for menus that are made when they are asked for. */
  defaultOpen?: boolean;
}

export function Menu({ trigger, items, defaultOpen = false }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false} defaultOpen={defaultOpen}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <MenuItems items={items} align="end" />
    </DropdownMenu.Root>
  );
}

export interface MenuAtProps {
  /** Where its corner lies, in pixels of the window. */
  at: { x: number; y: number };
  items: readonly MenuItem[];
  onClose(): void;
  /** Gives the focus back: there is no button that would have it. */
  restore(): void;
}

/** A menu at a point, open for as long as it is there. */
export function MenuAt({ at, items, onClose, restore }: MenuAtProps) {
  return (
    <DropdownMenu.Root modal={false} open onOpenChange={(open) => !open && onClose()}>
      <DropdownMenu.Trigger asChild>
        <span
          aria-hidden
          className="pointer-events-none fixed size-0"
          style={{ left: at.x, top: at.y }}
        />
      </DropdownMenu.Trigger>
      <MenuItems items={items} align="start" restore={restore} />
    </DropdownMenu.Root>
  );
}

interface MenuItemsProps {
  items: readonly MenuItem[];
  align: "start" | "end";
  restore?: () => void;
}

function MenuItems({ items, align, restore }: MenuItemsProps) {
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        align={align}
        sideOffset={4}
        onCloseAutoFocus={(event) => {
          if (!restore) return;
          event.preventDefault();
          restore();
        }}
        className="z-50 min-w-44 rounded-lg border border-line bg-surface p-1 shadow-xl"
      >
        {items.map((item) => (
          <DropdownMenu.Item
            key={item.label}
            disabled={item.disabled ?? false}
            onSelect={item.onSelect}
            className={cx(
              "flex cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 outline-none select-none data-[disabled]:opacity-50 data-[highlighted]:bg-accent-soft",
              item.danger && "text-danger",
            )}
          >
            {item.icon}
            {item.label}
          </DropdownMenu.Item>
        ))}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  );
}

/** Something is empty, or went wrong: says so, and what can be done. */
export function Notice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto max-w-md px-4 py-10 text-center">
      <h2 className="text-base font-semibold">{title}</h2>
      <div className="mt-2 space-y-3 text-muted">{children}</div>
    </div>
  );
}
