/** What the pointer does on the sheet, and on the picture that stands for faces from afar. */

import { useReactFlow, useStoreApi } from "@xyflow/react";
import { type MouseEvent, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { HEADER } from "../model/placement";
import { go, pathOf } from "../nav";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useView } from "../store/view";
import { READABLE } from "./detail";
import { focusOn } from "./focus";
import { openMenu } from "./menu";
import { type FaceNode, hit, type Placed, type Scene } from "./scene";

export function usePointer(scene: Scene, painted: boolean) {
  // Read when asked: the board must not be drawn anew with every step of a pan.
  const flow = useStoreApi();
  const { setCenter, screenToFlowPosition } = useReactFlow();
  const { t } = useTranslation("common");
  return useMemo(() => {
    const at = (event: { clientX: number; clientY: number }) =>
      hit(scene.placed, screenToFlowPosition({ x: event.clientX, y: event.clientY }));
    // To where faces can be read; of a team its own and the first rows.
    const approach = (box: Placed) => {
      if (!painted) return;
      const zoom = Math.max(READABLE, flow.getState().transform[2]);
      const height = box.team ? HEADER * 2 : box.height;
      void setCenter(box.x + Math.min(box.width, 600) / 2, box.y + height / 2, { zoom });
    };
    const title = (box: Placed | undefined) => {
      const { org } = usePast.getState().moment ?? useOrg.getState();
      const workspace = box && org[box.id];
      return workspace ? `${workspace.name}, ${t(`status.${workspace.status}`)}` : "";
    };
    return {
      onPaneClick: (event: MouseEvent) => {
        const found = at(event);
        if (!found) return useView.getState().select([]);
        if (event.ctrlKey || event.metaKey) return useView.getState().toggle(found.id);
        choose(found.id);
        approach(found);
      },
      onPaneContextMenu: (event: globalThis.MouseEvent | MouseEvent) => {
        const found = at(event);
        if (!found) return;
        event.preventDefault();
        openMenu(found.id, { x: event.clientX, y: event.clientY });
      },
      onPaneMouseMove: (event: MouseEvent) => {
        const pane = event.currentTarget as HTMLElement;
        const text = painted ? title(at(event)) : "";
        if (pane.title !== text) pane.title = text;
      },
    };
  }, [scene, painted, flow, setCenter, screenToFlowPosition, t]);
}

/** Chooses one workspace and opens it. */
function choose(id: string): void {
  focusOn(id);
  useView.getState().select([id]);
  go(pathOf(id));
}

export function onNodeClick(event: MouseEvent, node: FaceNode): void {
  // With these it was chosen in addition, by xyflow.
  if (event.shiftKey || event.ctrlKey || event.metaKey) focusOn(node.id);
  else choose(node.id);
}

export function onNodeContextMenu(event: MouseEvent, node: FaceNode): void {
  event.preventDefault();
  focusOn(node.id);
  openMenu(node.id, { x: event.clientX, y: event.clientY });
}

/** The frame around what a box has selected covers the faces: their menu is that of the first. */
export function onSelectionContextMenu(event: MouseEvent, nodes: FaceNode[]): void {
  const first = nodes[0];
  if (!first) return;
  event.preventDefault();
  openMenu(first.id, { x: event.clientX, y: event.clientY });
}
