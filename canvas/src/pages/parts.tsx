/** What both pages are made of. */

import { type ReactNode, useId } from "react";

export function Page({
  title,
  lead,
  children,
}: {
  title: string;
  lead: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <article aria-labelledby={id} className="min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-6xl p-4 sm:p-6">
        <h1 id={id} className="text-xl font-semibold">
          {title}
        </h1>
        <p className="mt-1 mb-6 max-w-prose text-muted">{lead}</p>
        {children}
      </div>
    </article>
  );
}

export function Block({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className="mb-6 min-w-0 rounded-xl border border-line bg-surface p-4"
    >
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h2 id={id} className="text-base font-semibold">
          {title}
        </h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** One number and what it counts. */
export function Total({ label, value, warn }: { label: string; value: ReactNode; warn?: boolean }) {
  return (
    <div className="min-w-28 flex-1 rounded-xl border border-line bg-surface p-3">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className={`mt-1 text-xl font-semibold break-words ${warn ? "text-danger" : ""}`}>
        {value}
      </dd>
    </div>
  );
}

/** A table that scrolls in itself, also with the keyboard. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset holds fields.
    <div
      role="group"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable.
      tabIndex={0}
      className="max-h-[32rem] overflow-auto rounded-lg"
    >
      {children}
    </div>
  );
}

export const HEAD = "sticky top-0 bg-surface py-1.5 pr-4 text-left text-xs font-medium text-muted";
export const CELL = "border-t border-line py-1.5 pr-4 align-top";
