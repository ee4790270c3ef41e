/** What can be done with the agent of a workspace, by what it is and what the server offers. Pure. */

import type { Features, Status, Workspace } from "../api/types";

export const ACTIONS = [
  "restart",
  "stop",
  "pause",
  "resume",
  "hibernate",
  "grow",
  "dissolve",
  "duplicate",
  "export",
] as const;
export type Action = (typeof ACTIONS)[number];

/** Those that are done with many at once. */
export const MANY = ["restart", "pause", "resume"] as const satisfies readonly Action[];

type Subject = Pick<Workspace, "status" | "runtime">;

const THERE: readonly Status[] = ["online", "degraded"];

/** Its agent runs elsewhere: nobody here can start it. */
const external = ({ runtime }: Subject) => runtime === "external";

function can(action: Action, one: Subject, members: number): boolean {
  switch (action) {
    case "restart":
      return !external(one) && !["paused", "hibernating", "removed"].includes(one.status);
    case "stop":
      return one.runtime === "isomer" && [...THERE, "provisioning"].includes(one.status);
    case "pause":
      return one.status !== "paused" && one.status !== "removed";
    case "resume":
      return one.status === "paused";
    case "hibernate":
      return !external(one) && THERE.includes(one.status);
    case "grow":
      return one.status !== "removed";
    case "dissolve":
      return members > 0;
    case "duplicate":
    case "export":
      return true;
  }
}

function isOffered(action: Action, features: Partial<Features>): boolean {
  switch (action) {
    case "restart":
      return features.lifecycle === true || features.hosted_agents === true;
    case "stop":
      return features.hosted_agents === true;
    case "pause":
    case "resume":
    case "hibernate":
      return features.lifecycle === true;
    case "grow":
    case "dissolve":
      return features.teams === true;
    case "duplicate":
    case "export":
      return features.bundles === true;
  }
}

/** What can be done with `one`, which has `members` below it. */
export function offered(
  one: Subject,
  features: Partial<Features> | undefined,
  members: number,
): Action[] {
  if (!features) return [];
  return ACTIONS.filter((action) => {
    if (!isOffered(action, features) || !can(action, one, members)) return false;
    // Servers without the rest of the lifecycle restart what they run themselves.
    return action !== "restart" || features.lifecycle === true || one.runtime === "isomer";
  });
}

/** Which of `some` an action makes sense for. */
export function fitting<T extends Subject>(action: Action, some: readonly T[]): T[] {
  return some.filter((one) => can(action, one, 1));
}

/** Folds members into those that `pause` and `resume` take along anyway. */
export const takesAlong = (action: Action) => action === "pause" || action === "resume";
