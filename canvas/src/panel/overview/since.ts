import { events } from "../../api/calls";
import type { Status, Workspace } from "../../api/types";
import { useLoad } from "../../kit/load";
import { usePast } from "../../store/past";
import { runOf, STATUS_EVENTS } from "../events/types";

/** Statuses that are told more than once in a row; more of them are not looked at. */
const LOOKED_AT = 50;

/**
 * Since when the workspace has the status that is shown; `undefined` while it is not known.
 * Registering anew tells of a status that was there before: the first of its kind counts.
 */
export function useSince({ id, status }: Workspace): string | undefined {
  const at = usePast((past) => past.moment?.at);
  const { data } = useLoad(`${id} ${status} ${at ?? ""}`, () =>
    events({
      workspace: id,
      types: STATUS_EVENTS,
      limit: LOOKED_AT,
      ...(at === undefined ? {} : { until: new Date(at).toISOString() }),
    }),
  );
  return data && runOf(data, status satisfies Status)?.created_at;
}
