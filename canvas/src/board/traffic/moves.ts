/** Which events are traffic between agents, and between whom. Pure. */

import type { LiveEvent } from "../../api/types";
import type { Org } from "../../model/org";
import { parentOf } from "../../model/tree";

export type Kind = "message" | "delegation" | "result" | "failure";

export interface Move {
  from: string;
  to: string;
  kind: Kind;
}

const id = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

/** Where a delegation went, which its end does not always say. Bounded. */
export class Targets {
  private readonly known = new Map<string, string>();
  constructor(private readonly most = 500) {}

  /** Learns from an event, and returns the target of its delegation. */
  of(event: LiveEvent): string | undefined {
    const delegation = id(event.payload.delegation_id);
    const told = id(event.payload.target_id);
    if (delegation === undefined || told === undefined) {
      return told ?? this.known.get(delegation ?? "");
    }
    this.known.set(delegation, told);
    if (this.known.size > this.most) {
      for (const first of this.known.keys()) {
        this.known.delete(first);
        break;
      }
    }
    return told;
  }
}

/** What goes from one agent to another with an event; nothing for all else. */
export function moveOf(event: LiveEvent, targets: Targets): Move | undefined {
  const own = event.workspace_id;
  switch (event.event) {
    case "ACTIVITY_LOGGED":
      return logged(event, own);
    case "DELEGATION_SENT":
      return between(own, targets.of(event), "delegation");
    case "DELEGATION_COMPLETE":
      return between(targets.of(event), own, "result");
    case "DELEGATION_FAILED":
      return between(targets.of(event), own, "failure");
    default:
      return undefined;
  }
}

function logged({ payload }: LiveEvent, own: string): Move | undefined {
  const source = id(payload.source_id);
  const target = id(payload.target_id);
  const kind = payload.status === "error" ? "failure" : "message";
  if (payload.activity_type === "a2a_send") return between(source, target, kind);
  if (payload.activity_type !== "a2a_receive") return undefined;
  // An agent that tells by itself what it received is its own source: the other is the target.
  if (source === own) return between(target, own, kind === "message" ? "result" : kind);
  return between(source, own, kind);
}

function between(from: string | undefined, to: string | undefined, kind: Kind): Move | undefined {
  return from !== undefined && to !== undefined && from !== to ? { from, to, kind } : undefined;
}

/** `id`, or the nearest above it that is drawn: members of a folded team are inside of it. */
export function drawnEnd(
  org: Org,
  drawn: { has(id: string): boolean },
  id: string,
): string | undefined {
  let end: string | null = id;
  for (let hops = 0; end !== null && hops < 64; hops++) {
    if (drawn.has(end)) return end;
    end = parentOf(org, end);
  }
  return undefined;
}
