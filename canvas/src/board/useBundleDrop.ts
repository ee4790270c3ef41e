/** Files that are dropped on the board: bundles, imported under the workspace that they fall on. */

import { useReactFlow } from "@xyflow/react";
import type { DragEvent } from "react";
import { pose } from "../lifecycle/state";
import { useInfo } from "../store/info";
import { useReadOnly } from "../store/shown";
import { useDrop } from "./drop";
import { hit, type Scene } from "./scene";

const carriesFile = (event: DragEvent) => event.dataTransfer.types.includes("Files");
const NONE = {};

/** What the board listens to; nothing where the server takes no bundles. */
export function useBundleDrop(scene: Scene) {
  const { screenToFlowPosition } = useReactFlow();
  const bundles = useInfo().info?.features.bundles === true;
  const readOnly = useReadOnly();
  if (!bundles || readOnly) return NONE;
  const under = ({ clientX: x, clientY: y }: DragEvent) =>
    hit(scene.placed, screenToFlowPosition({ x, y }))?.id ?? null;
  const show = (target: string | null) => {
    if (useDrop.getState().target !== target) useDrop.setState({ target, refused: false });
  };
  return {
    onDragOver(event: DragEvent) {
      if (!carriesFile(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      show(under(event));
    },
    onDragLeave: () => show(null),
    onDrop(event: DragEvent) {
      if (!carriesFile(event)) return;
      event.preventDefault();
      show(null);
      const [file] = event.dataTransfer.files;
      if (file) pose({ kind: "bundle", file, parent: under(event) });
    },
  };
}
