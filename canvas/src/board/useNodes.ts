/** What xyflow is given: the scene, and who is chosen or dragged. */

import type { NodeChange } from "@xyflow/react";
import { useMemo } from "react";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useShownBoxes, useShownTree } from "../store/shown";
import { useView } from "../store/view";
import { type FaceNode, type Scene, sceneOf } from "./scene";

/** Drawn anew when somebody comes, goes, moves or is folded; not when a status changes. */
export function useScene(): Scene {
  const tree = useShownTree();
  const boxes = useShownBoxes();
  // Tree and boxes are new whenever anything that the scene shows has changed.
  return useMemo(() => {
    const { org } = usePast.getState().moment ?? useOrg.getState();
    return sceneOf(org, tree, boxes);
  }, [tree, boxes]);
}

/** Only nodes that are chosen or dragged are new objects: xyflow draws the others from memory. */
export function useNodes(
  base: readonly FaceNode[],
  dragged: ReadonlyMap<string, { x: number; y: number }>,
): FaceNode[] {
  const selected = useView((view) => view.selected);
  return useMemo(
    () =>
      base.map((node) => {
        const position = dragged.get(node.id);
        if (!position && !selected.has(node.id)) return node;
        return {
          ...node,
          selected: selected.has(node.id),
          ...(position ? { position, zIndex: 1000 } : {}),
        };
      }),
    [base, dragged, selected],
  );
}

export function onNodesChange(changes: NodeChange<FaceNode>[]): void {
  const choices = changes.filter((change) => change.type === "select");
  if (choices.length === 0) return;
  const selected = new Set(useView.getState().selected);
  for (const choice of choices) {
    if (choice.selected) selected.add(choice.id);
    else selected.delete(choice.id);
  }
  useView.getState().select(selected);
}
