/** Where a person is: kept in the address, so that every place can be linked to. */

import { useLocation } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import type { Features } from "./api/types";

export const TABS = [
  "overview",
  "chat",
  "messages",
  "activity",
  "logs",
  "terminal",
  "files",
  "events",
  "secrets",
  "card",
  "agents",
  "settings",
] as const;
export type Tab = (typeof TABS)[number];

/** Tabs of what only some servers offer, by the feature of the same name. */
const OFFERED = ["logs", "terminal", "files"] as const;

/** The tabs that a server with these features has. */
export const tabsWith = (features: Partial<Features> | undefined): readonly Tab[] =>
  TABS.filter((tab) => {
    const feature = OFFERED.find((one) => one === tab);
    return feature === undefined || features?.[feature] === true;
  });

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
