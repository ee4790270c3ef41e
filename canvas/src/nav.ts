/** Where a person is: kept in the address, so that every place can be linked to. */

import { useLocation } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";

export const TABS = [
  "overview",
  "chat",
  "messages",
  "activity",
  "events",
  "secrets",
  "card",
  "agents",
  "settings",
] as const;
export type Tab = (typeof TABS)[number];

export const pathOf = (id: string, tab: Tab = "overview") => `/w/${id}/${tab}`;

/** Goes to a place without a hook. */
export function go(path: string): void {
  location.hash = `#${path}`;
}

/** Pages beside the canvas. */
const PAGES = ["approvals", "runtime", "keys"] as const;

export interface Place {
  page: "home" | (typeof PAGES)[number];
  workspace: string | null;
  tab: Tab;
}

export function placeOf(path: string): Place {
  const [first, id, tab] = path.split("/").filter(Boolean);
  const page = PAGES.find((one) => one === first);
  if (page) return { page, workspace: null, tab: "overview" };
  const known = TABS.find((one) => one === tab) ?? "overview";
  return { page: "home", workspace: first === "w" && id ? id : null, tab: known };
}

export function usePlace(): Place {
  const [path] = useLocation();
  return placeOf(path);
}

export { useHashLocation };
