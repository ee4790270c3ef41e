/** The first five minutes: one thing to do while nothing is there, then a few steps. */

import { useOrg } from "../store/org";
import { useReadOnly } from "../store/shown";
import { Checklist } from "./Checklist";
import { Empty } from "./Empty";
import { useGuide } from "./state";

/** Whoever has more than this knows the way already. */
const SMALL = 3;

export function Guide() {
  const count = useOrg((state) => state.tree.order.length);
  const readOnly = useReadOnly();
  const dismissed = useGuide((guide) => guide.dismissed);
  const begun = useGuide((guide) => guide.begun);
  if (readOnly) return null;
  if (count === 0) return <Empty />;
  return !dismissed && (begun || count <= SMALL) ? <Checklist /> : null;
}
