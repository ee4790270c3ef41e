/** Questions that are asked before something happens. */

import { useView } from "../store/view";
import { Forward } from "./Forward";
import { Locked } from "./Locked";
import { MoveUnder } from "./MoveUnder";
import { Nest } from "./Nest";
import { usePicking } from "./picking";
import { Removal } from "./Removal";

export function Dialogs() {
  const { removing, forwarding, nesting } = useView();
  const picking = usePicking((state) => state.ids);
  return (
    <>
      {removing && <Removal key={removing.join()} ids={removing} />}
      {forwarding && <Forward key={forwarding} id={forwarding} />}
      {picking && !nesting && <MoveUnder key={picking.join()} ids={picking} />}
      {nesting && <Nest nesting={nesting} />}
      <Locked />
    </>
  );
}
