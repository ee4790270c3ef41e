import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import type { Org } from "../model/org";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useReadOnly, useShownTree } from "../store/shown";
import { useView } from "../store/view";
import { fold } from "./actions";
import { type Row, rowsOf, type SortKey } from "./rows";

/** Rows that depend on what workspaces say are put in order again at most this often. */
const EVERY_MS = 500;

export interface Rows {
  rows: readonly Row[];
  sort: SortKey | null;
  setSort(sort: SortKey | null): void;
  setFolded(id: string, folded: boolean): void;
}

export function useRows(): Rows {
  const [sort, setSort] = useState<SortKey | null>(null);
  const search = useDeferredValue(useView((view) => view.search));
  const statuses = useView((view) => view.statuses);
  const tree = useShownTree();
  const readOnly = useReadOnly();
  const org = useSlowOrg(sort !== null || search.trim() !== "" || statuses.size > 0);
  // The past is not arranged: there, folding is a matter of this list alone.
  const [folded, setLocal] = useState<ReadonlyMap<string, boolean>>(new Map());
  const rows = useMemo(() => {
    const collapsed = (id: string) =>
      (readOnly ? folded.get(id) : undefined) ?? org[id]?.collapsed ?? false;
    return rowsOf(org, tree, { search, statuses, sort, collapsed });
  }, [org, tree, search, statuses, sort, folded, readOnly]);
  return {
    rows,
    sort,
    setSort,
    setFolded(id, on) {
      if (readOnly) setLocal((was) => new Map(was).set(id, on));
      else fold([id], on);
    },
  };
}

/**
 * The organisation that is shown. With `follow` it is renewed as events come, but not with each;
 * without, when somebody comes, moves or is folded, which gives a new chart too.
 */
function useSlowOrg(follow: boolean): Org {
  const past = usePast((state) => state.moment?.org);
  const tree = useOrg((state) => state.tree);
  const [seen, setSeen] = useState<Org>(() => useOrg.getState().org);
  const last = useRef(tree);
  useEffect(() => {
    if (!follow) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const renew = () => {
      timer = undefined;
      setSeen(useOrg.getState().org);
    };
    renew();
    const stop = useOrg.subscribe(() => {
      timer ??= setTimeout(renew, EVERY_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [follow]);
  let now = seen;
  if (last.current !== tree) {
    last.current = tree;
    now = useOrg.getState().org;
    if (now !== seen) setSeen(now);
  }
  return past ?? now;
}
