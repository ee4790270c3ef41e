/** Secrets that templates need, and which of them are missing. Pure. */

import type { Requirement } from "../../api/lifecycle";

/** The names of a requirement: one of them is enough. */
export const namesOf = (one: Requirement): string[] =>
  typeof one === "string" ? [one] : one.any_of;

export const isMet = (one: Requirement, known: ReadonlySet<string>): boolean =>
  namesOf(one).some((name) => known.has(name));

/** Requirements from what somebody else wrote; whatever is none is left out. */
export function requirementsOf(value: unknown): Requirement[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown): Requirement[] => {
    if (typeof one === "string") return [one];
    const any = (one as { any_of?: unknown } | null)?.any_of;
    if (!Array.isArray(any)) return [];
    const names = any.filter((name): name is string => typeof name === "string");
    return names.length > 0 ? [{ any_of: names }] : [];
  });
}
