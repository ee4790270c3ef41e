/** Dragging: moves within a team, nests onto others, takes out of a team. */

import { useReactFlow } from "@xyflow/react";
import { type MouseEvent as ReactMouseEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { absolute } from "../model/placement";
import { parentOf } from "../model/tree";
import { arrange } from "../store/arrange";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { dropAt, movesOf, show, within } from "./drop";
import type { FaceNode, Scene } from "./scene";

type Pointed = ReactMouseEvent | MouseEvent | TouchEvent;
type Positions = ReadonlyMap<string, { x: number; y: number }>;
const STILL: Positions = new Map();

export function useDrag(scene: Scene) {
  const { t } = useTranslation("board");
  const { screenToFlowPosition } = useReactFlow();
  /** Where dragged nodes are now, relative to their parents. */
  const [dragged, setDragged] = useState<Positions>(STILL);
  // Not asked of what is drawn: a quick hand lets go before that has been drawn.
  const moved = useRef(false);

  const drop = (event: Pointed, nodes: readonly FaceNode[]) => {
    const touch = "changedTouches" in event ? event.changedTouches[0] : event;
    const point = screenToFlowPosition({ x: touch?.clientX ?? 0, y: touch?.clientY ?? 0 });
    const ids = topmost(nodes);
    return { ids, point, result: dropAt(scene.placed, ids, point) };
  };

  const move = (event: Pointed, nodes: readonly FaceNode[]) => {
    moved.current = true;
    setDragged(new Map(nodes.map((node) => [node.id, node.position])));
    show(drop(event, nodes).result);
  };

  /** `held` is the node whose corner decides where the others go. */
  const end = (event: Pointed, held: FaceNode | undefined, nodes: readonly FaceNode[]) => {
    const { ids, result } = drop(event, nodes);
    show({ kind: "move" });
    setDragged(STILL);
    if (!moved.current || !held) return;
    moved.current = false;
    const { org, boxes } = useOrg.getState();
    if (result.kind === "refused") return notify.info(t("drop_refused"));
    if (result.kind === "nest") {
      // The corner of the node that was held, in its new parent.
      const corner = absolute(org, boxes, parentOf(org, held.id) ?? "") ?? { x: 0, y: 0 };
      const at = { x: held.position.x + corner.x, y: held.position.y + corner.y };
      const position = within(boxes, result.parent, at);
      return useView.getState().set({ nesting: { ids, parent: result.parent, position } });
    }
    const positions = new Map(nodes.map((one) => [one.id, one.position]));
    void arrange({ what: "moved", moves: movesOf(positions, boxes) });
  };

  return {
    dragged,
    onNodeDrag: (event: Pointed, _: FaceNode, nodes: FaceNode[]) => move(event, nodes),
    onNodeDragStop: (event: Pointed, node: FaceNode, nodes: FaceNode[]) => end(event, node, nodes),
    // By the frame around what a box has selected.
    onSelectionDrag: (event: ReactMouseEvent, nodes: FaceNode[]) => move(event, nodes),
    onSelectionDragStop: (event: ReactMouseEvent, nodes: FaceNode[]) => end(event, nodes[0], nodes),
  };
}

/** Members of a dragged team come along: they do not move by themselves. */
function topmost(nodes: readonly FaceNode[]): string[] {
  const { org } = useOrg.getState();
  const ids = new Set(nodes.map((node) => node.id));
  return nodes.map((node) => node.id).filter((id) => !ids.has(parentOf(org, id) ?? ""));
}
