/** A field that finds one workspace among thousands. */

import { Check } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { cx } from "../kit";
import { StatusBadge } from "../kit/status";
import { find } from "../model/find";
import { useOrg } from "../store/org";

/** Listed at once. */
const LIMIT = 50;

export interface PickerProps {
  label: string;
  value: string | null;
  onChange(id: string | null): void;
  /** Who may be chosen; everybody when left out. */
  allowed?(id: string): boolean;
  /** Offers "Nobody", which is `null`. */
  nobody?: boolean;
  error?: string | undefined;
  autoFocus?: boolean;
  className?: string;
}

interface Option {
  id: string | null;
  name: string;
}

export function Picker(props: PickerProps) {
  const { t } = useTranslation("dialogs");
  const id = useId();
  const [open, setOpen] = useState(props.autoFocus ?? false);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const chosen = useOrg((state) => (props.value ? state.org[props.value]?.name : undefined));
  const { options, total } = useOptions(open, query, props);
  useEffect(() => {
    if (open) list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active, open]);

  const choose = (option: Option | undefined) => {
    if (!option) return;
    props.onChange(option.id);
    setQuery("");
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      if (open) setActive((was) => Math.max(0, Math.min(options.length - 1, was + by)));
      setOpen(true);
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      choose(options[active]);
    } else if (event.key === "Escape" && open && !props.autoFocus) {
      event.preventDefault();
      setOpen(false);
    }
  };
  return (
    <div className={cx("relative", props.className)}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {props.label}
      </label>
      <input
        id={id}
        role="combobox"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open && options.length > 0 ? `${id}-${active}` : undefined}
        aria-invalid={props.error ? true : undefined}
        aria-describedby={props.error ? `${id}-error` : undefined}
        // biome-ignore lint/a11y/noAutofocus: the only question of its dialog
        autoFocus={props.autoFocus}
        autoComplete="off"
        data-keeps-escape={(open && !props.autoFocus) || undefined}
        dir="auto"
        placeholder={t("find")}
        className="h-9 w-full min-w-0 rounded-md border border-line-strong bg-surface px-2.5"
        value={open ? query : (chosen ?? (props.nobody && props.value === null ? t("nobody") : ""))}
        onFocus={() => setOpen(true)}
        onClick={() => setOpen(true)}
        // Alone in its dialog the list stays: what is below must not move under the pointer.
        onBlur={() => !props.autoFocus && setOpen(false)}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
          setOpen(true);
        }}
      />
      {props.error && (
        <p id={`${id}-error`} className="mt-1 text-sm text-danger">
          {props.error}
        </p>
      )}
      <div
        ref={list}
        id={`${id}-list`}
        role="listbox"
        aria-label={props.label}
        tabIndex={-1}
        hidden={!open}
        className={cx(
          "mt-1 max-h-52 overflow-y-auto rounded-md border border-line bg-surface p-1",
          !props.autoFocus && "absolute inset-x-0 z-10 shadow-lg",
        )}
      >
        {options.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
          <div
            key={option.id ?? ""}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={option.id === props.value}
            className={cx(
              "flex min-h-8 cursor-pointer items-center gap-2 rounded px-2 py-1",
              index === active && "bg-accent-soft",
            )}
            // The field keeps the focus.
            onMouseDown={(event) => event.preventDefault()}
            onMouseMove={() => setActive(index)}
            onClick={() => choose(option)}
          >
            <Check
              size={14}
              aria-hidden
              className={cx("shrink-0", option.id !== props.value && "invisible")}
            />
            {option.id === null ? <span>{option.name}</span> : <Choice id={option.id} />}
          </div>
        ))}
        {options.length === 0 && <p className="px-2 py-1 text-muted">{t("none_found")}</p>}
        {total > LIMIT && (
          <p className="px-2 py-1 text-xs text-muted">{t("find_more", { count: LIMIT })}</p>
        )}
      </div>
      <span role="status" className="sr-only">
        {open && query ? t("found", { count: total }) : ""}
      </span>
    </div>
  );
}

function useOptions(open: boolean, query: string, { allowed, nobody }: PickerProps) {
  const { t } = useTranslation("dialogs");
  const org = useOrg((state) => (open ? state.org : undefined));
  return useMemo(() => {
    const { best, total } = find(org ?? {}, query, LIMIT, allowed);
    const options: Option[] = best.map(({ id, name }) => ({ id, name }));
    if (nobody && query.trim() === "") options.unshift({ id: null, name: t("nobody") });
    return { options, total };
  }, [org, query, allowed, nobody, t]);
}

function Choice({ id }: { id: string }) {
  const workspace = useOrg((state) => state.org[id]);
  if (!workspace) return null;
  return (
    <>
      <bdi className="min-w-0 truncate">{workspace.name}</bdi>
      <span className="min-w-0 shrink-2 truncate text-xs text-muted" dir="auto">
        {workspace.role}
      </span>
      <StatusBadge status={workspace.status} className="ms-auto shrink-0" />
    </>
  );
}
