/** The board from the keyboard: one tab stop, arrows walk the chart. */

import { useReactFlow } from "@xyflow/react";
import type { KeyboardEvent } from "react";
import { absolute, type Box, NODE } from "../model/placement";
import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useView } from "../store/view";
import { NAME_BELOW, READABLE } from "./detail";
import { boardElement, faceOf, focusOn, useFocus } from "./focus";
import { openMenu, openMenuBelow } from "./menu";
import { type Direction, walk } from "./walk";

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};

/** What the keys do that concerns the whole board. */
export interface BoardActions {
  showAll(): void;
  layOut(): void;
  toggleMap(): void;
}

export function useKeys(actions: BoardActions) {
  const { zoomIn, zoomOut } = useReactFlow();
  const reveal = useReveal();
  const focus = (id: string, grow: boolean) => {
    const { selected, select } = useView.getState();
    focusOn(id);
    select(grow ? [...selected, id] : [id]);
    reveal(id);
  };
  const whole: Readonly<Record<string, () => void>> = {
    "+": () => void zoomIn(),
    "=": () => void zoomIn(),
    "-": () => void zoomOut(),
    "0": actions.showAll,
    l: actions.layOut,
    m: actions.toggleMap,
  };

  return (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const { org, tree } = usePast.getState().moment ?? useOrg.getState();
    const here = current();
    const arrow = ARROWS[event.key];
    const menu = event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
    const act = whole[event.key.toLowerCase()];
    if (arrow) {
      const next = walk(org, tree, here, arrow);
      if (next) focus(next, event.shiftKey);
    } else if (act) act();
    else if (menu && here) {
      reveal(here);
      showMenu(here);
    } else if (!here || !onOne(event.key, here, reveal)) return;
    event.preventDefault();
    event.stopPropagation();
  };
}

/** The workspace that the keys speak to: where they stand, or else the first that is chosen. */
function current(): string | null {
  const { org } = usePast.getState().moment ?? useOrg.getState();
  const id = useFocus.getState().id ?? [...useView.getState().selected][0] ?? null;
  return id !== null && org[id] !== undefined ? id : null;
}

/** Does what a key means for one workspace; `false` when it means nothing. */
function onOne(key: string, id: string, reveal: (id: string) => void): boolean {
  const readOnly = usePast.getState().moment !== null;
  const { selected, toggle, set } = useView.getState();
  if (key === "Enter") go(pathOf(id));
  else if (key === " ") toggle(id);
  else if (key === "F2" && !readOnly) {
    // A field that nobody sees is of no use.
    reveal(id);
    set({ renaming: id });
  } else if (key === "Delete" && !readOnly) {
    set({ removing: selected.size > 0 ? [...selected] : [id] });
  } else return false;
  return true;
}

function showMenu(id: string): void {
  // After the face has been drawn where it is now.
  requestAnimationFrame(() => {
    const face = faceOf(id)?.querySelector('[aria-haspopup="menu"]') ?? faceOf(id);
    const middle = boardElement()?.getBoundingClientRect();
    if (face) openMenuBelow(id, face);
    else if (middle) openMenu(id, { x: middle.x + middle.width / 2, y: middle.y + 80 });
  });
}

/** Brings a workspace to where it can be read. Stays put when it can be already. */
function useReveal() {
  const { setCenter, getViewport } = useReactFlow();
  return (id: string) => {
    const { org, boxes } = usePast.getState().moment ?? useOrg.getState();
    const box = absolute(org, boxes, id);
    const board = boardElement()?.getBoundingClientRect();
    if (!box || !board) return;
    const { x, y, zoom } = getViewport();
    const [left, top] = [box.x * zoom + x, box.y * zoom + y];
    const face = faceBox(box);
    const seen =
      left >= 0 &&
      top >= 0 &&
      left + face.width * zoom <= board.width &&
      top + face.height * zoom <= board.height;
    // A face that nobody can read is of no use: come close enough.
    const close = Math.max(zoom, READABLE);
    if (seen && zoom >= NAME_BELOW && faceOf(id)) return;
    void setCenter(box.x + face.width / 2, box.y + face.height / 2, { zoom: close });
  };
}

/** Of a team its face is enough. */
const faceBox = (box: Box) => ({
  width: Math.min(box.width, NODE.width),
  height: Math.min(box.height, NODE.height),
});
