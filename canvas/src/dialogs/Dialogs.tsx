/** Questions that are asked before something happens. */

import { Suspense } from "react";
import { later } from "../kit/later";
import { useView } from "../store/view";
import { Locked } from "./Locked";
import { usePicking } from "./picking";

const Forward = later(() => import("./Forward").then((part) => part.Forward));
const MoveUnder = later(() => import("./MoveUnder").then((part) => part.MoveUnder));
const Nest = later(() => import("./Nest").then((part) => part.Nest));
const Removal = later(() => import("./Removal").then((part) => part.Removal));

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
