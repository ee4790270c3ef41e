/** The board from the keyboard: one tab stop, arrows walk the chart. */

import { useReactFlow } from "@xyflow/react";
import { type KeyboardEvent, useState } from "react";
import { absolute } from "../model/placement";
import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useView } from "../store/view";
import { PAINTED_BELOW } from "./detail";
import { type Direction, walk } from "./walk";

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};

export function useKeys(showAll: () => void) {
  const [focused, setFocused] = useState<string | null>(null);
  const { setCenter, getZoom, zoomIn, zoomOut } = useReactFlow();

  const focus = (id: string) => {
    setFocused(id);
    useView.getState().select([id]);
    const { org, boxes } = usePast.getState().moment ?? useOrg.getState();
    const box = absolute(org, boxes, id);
    // A face that nobody can read is of no use: come close enough.
    const zoom = Math.max(getZoom(), PAINTED_BELOW * 2);
    if (box) void setCenter(box.x + Math.min(box.width, 300) / 2, box.y + 80, { zoom });
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const { org, tree } = usePast.getState().moment ?? useOrg.getState();
    const readOnly = usePast.getState().moment !== null;
    const { selected, toggle, set } = useView.getState();
    const current = focused ?? [...selected][0] ?? null;
    const here = current !== null && org[current] !== undefined ? current : null;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const next = walk(org, tree, here, arrow);
      if (next) focus(next);
    } else if (event.key === "Enter" && here) go(pathOf(here));
    else if (event.key === " " && here) toggle(here);
    else if (event.key === "F2" && here && !readOnly) set({ renaming: here });
    else if (event.key === "Delete" && !readOnly && selected.size > 0) {
      set({ removing: [...selected] });
    } else if (event.key === "+" || event.key === "=") void zoomIn();
    else if (event.key === "-") void zoomOut();
    else if (event.key === "0") showAll();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return { focused, onKeyDown };
}
