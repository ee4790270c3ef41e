import type { Contact } from "../model/access";

export interface Group {
  from: string;
  with: string[];
}

/** Contacts by the one that moves; those with most first. */
export function grouped(contacts: readonly Contact[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { from, with: other } of contacts) {
    const group = groups.get(from) ?? { from, with: [] };
    group.with.push(other);
    groups.set(from, group);
  }
  return [...groups.values()].sort((a, b) => b.with.length - a.with.length);
}
