/** Questions that are asked before something happens. */

import { lazy, Suspense } from "react";
import { useView } from "../store/view";
import { Locked } from "./Locked";
import { usePicking } from "./picking";

// Asked now and then: not part of what the first look loads.
const Forward = lazy(() => import("./Forward").then((part) => ({ default: part.Forward })));
const MoveUnder = lazy(() => import("./MoveUnder").then((part) => ({ default: part.MoveUnder })));
const Nest = lazy(() => import("./Nest").then((part) => ({ default: part.Nest })));
const Removal = lazy(() => import("./Removal").then((part) => ({ default: part.Removal })));

export function Dialogs() {
  const { removing, forwarding, nesting } = useView();
  const picking = usePicking((state) => state.ids);
  return (
    <Suspense fallback={null}>
      {removing && <Removal key={removing.join()} ids={removing} />}
      {forwarding && <Forward key={forwarding} id={forwarding} />}
      {picking && !nesting && <MoveUnder key={picking.join()} ids={picking} />}
      {nesting && <Nest nesting={nesting} />}
      <Locked />
    </Suspense>
  );
}
