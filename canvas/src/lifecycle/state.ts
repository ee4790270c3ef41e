/** What a person wants to be done with agents, and is asked about first. */

import { create } from "zustand";
import type { Action } from "./actions";

/** A question that is open. */
export type Question =
  | { kind: "many"; action: "restart" | "pause" | "resume" | "hibernate"; ids: readonly string[] }
  | { kind: "grow" | "dissolve"; id: string }
  /** A bundle: the file that was dropped, and whom its workspaces would report to. */
  | { kind: "bundle"; file: File | null; parent: string | null }
  | { kind: "organisation" }
  | { kind: "template" };

export const useQuestion = create<{ question: Question | null }>(() => ({ question: null }));

export const pose = (question: Question) => useQuestion.setState({ question });
export const answered = () => useQuestion.setState({ question: null });

/** Does it at once where nothing is lost by that, and asks otherwise. */
export function begin(action: Action, ids: readonly string[]): void {
  const [id] = ids;
  if (id === undefined) return;
  const question = questionOf(action, ids, id);
  if (question) pose(question);
  // Not part of what the first look loads.
  else void import("./once").then(({ once }) => once(action, id));
}

function questionOf(action: Action, ids: readonly string[], id: string): Question | null {
  switch (action) {
    case "restart":
    case "pause":
    case "hibernate":
      return { kind: "many", action, ids };
    case "resume":
      return ids.length > 1 ? { kind: "many", action, ids } : null;
    case "grow":
    case "dissolve":
      return { kind: action, id };
    default:
      return null;
  }
}
