/** The organisation chart: nodes nested in their parents, on one endless sheet. */

import { Background, type NodeChange, ReactFlow, ReactFlowProvider, useStore } from "@xyflow/react";
import { type MouseEvent, useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { go, pathOf } from "../nav";
import { useEffectiveTheme } from "../shell/theme";
import { useOrg } from "../store/org";
import { usePast } from "../store/past";
import { useReadOnly, useShownBoxes, useShownTree, useShownWorkspace } from "../store/shown";
import { useView } from "../store/view";
import { autoLayout } from "./autoLayout";
import { Controls } from "./Controls";
import { detailAt, MAX_ZOOM, MIN_ZOOM } from "./detail";
import { Face } from "./Face";
import { Painted } from "./Painted";
import { type FaceNode, hit, sceneOf } from "./scene";
import { useDrag } from "./useDrag";
import { useKeys } from "./useKeys";
import { useViewport } from "./useViewport";

const NODE_TYPES = { workspace: Face };
const NONE: FaceNode[] = [];

export function Board() {
  return (
    <ReactFlowProvider>
      <Stage />
    </ReactFlowProvider>
  );
}

function Stage() {
  const { t } = useTranslation(["board", "common"]);
  const theme = useEffectiveTheme();
  const readOnly = useReadOnly();
  const scene = useScene();
  const painted = useStore((state) => detailAt(state.transform[2]) === "painted");
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const { showAll, save } = useViewport(scene, { width, height });
  const { dragged, onNodeDrag, onNodeDragStop } = useDrag(scene);
  const { focused, onKeyDown } = useKeys(showAll);
  const nodes = useNodes(scene.nodes, dragged);
  const pointer = usePointer(scene, painted);

  useEffect(() => {
    const layOut = () => void autoLayout(t("laid_out"), t("common:undo"));
    addEventListener("isomer:auto-layout", layOut);
    return () => removeEventListener("isomer:auto-layout", layOut);
  }, [t]);

  return (
    <div
      // Arrow keys belong to the chart: readers pass them on to an application.
      role="application"
      aria-label={t("label")}
      aria-describedby="board-help"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the board is one tab stop with keys of its own
      tabIndex={0}
      data-testid="board"
      className="absolute inset-0"
      onKeyDown={onKeyDown}
    >
      <p id="board-help" className="sr-only">
        {t("help")}
      </p>
      <Focused id={focused} />
      <ReactFlow
        nodes={painted ? NONE : nodes}
        nodeTypes={NODE_TYPES}
        colorMode={theme}
        minZoom={MIN_ZOOM}
        maxZoom={MAX_ZOOM}
        onlyRenderVisibleElements
        nodesFocusable={false}
        nodesConnectable={false}
        nodesDraggable={!readOnly}
        elevateNodesOnSelect={false}
        disableKeyboardA11y
        deleteKeyCode={null}
        multiSelectionKeyCode={["Control", "Meta", "Shift"]}
        selectionKeyCode="Shift"
        zoomOnDoubleClick={false}
        onNodesChange={onSelect}
        onNodeClick={onNodeClick}
        onNodeDoubleClick={(event, node) => onNodeDoubleClick(event, node, readOnly)}
        onNodeDrag={onNodeDrag}
        onNodeDragStop={onNodeDragStop}
        onMoveEnd={save}
        proOptions={{ hideAttribution: true }}
        {...pointer}
      >
        <Background gap={28} />
        {painted && <Painted scene={scene} />}
      </ReactFlow>
      <Controls scene={scene} showAll={showAll} />
    </div>
  );
}

/** Drawn anew when somebody comes, goes, moves or is folded; not when a status changes. */
function useScene() {
  const tree = useShownTree();
  const boxes = useShownBoxes();
  // Tree and boxes are new whenever anything that the scene shows has changed.
  return useMemo(() => {
    const { org } = usePast.getState().moment ?? useOrg.getState();
    return sceneOf(org, tree, boxes);
  }, [tree, boxes]);
}

/** Only nodes that are chosen or dragged are new objects: xyflow draws the others from memory. */
function useNodes(
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

function onSelect(changes: NodeChange<FaceNode>[]): void {
  const choices = changes.filter((change) => change.type === "select");
  if (choices.length === 0) return;
  const selected = new Set(useView.getState().selected);
  for (const choice of choices) {
    if (choice.selected) selected.add(choice.id);
    else selected.delete(choice.id);
  }
  useView.getState().select(selected);
}

function onNodeClick(event: MouseEvent, node: FaceNode): void {
  if (event.shiftKey || event.ctrlKey || event.metaKey) return;
  useView.getState().select([node.id]);
  go(pathOf(node.id));
}

function onNodeDoubleClick(event: MouseEvent, node: FaceNode, readOnly: boolean): void {
  event.stopPropagation();
  if (!readOnly) useView.getState().set({ renaming: node.id });
}

/** From afar there are no nodes to click: the picture is asked who is there. */
function usePointer(scene: ReturnType<typeof sceneOf>, painted: boolean) {
  const transform = useStore((state) => state.transform);
  const at = (event: MouseEvent) => {
    const [x, y, zoom] = transform;
    const corner = event.currentTarget.getBoundingClientRect();
    const point = {
      x: (event.clientX - corner.left - x) / zoom,
      y: (event.clientY - corner.top - y) / zoom,
    };
    return hit(scene.placed, point);
  };
  return {
    onPaneClick: (event: MouseEvent) => {
      const found = painted ? at(event) : undefined;
      useView.getState().select(found ? [found.id] : []);
      if (found) go(pathOf(found.id));
    },
    onPaneMouseMove: (event: MouseEvent) => {
      const pane = event.currentTarget as HTMLElement;
      const found = painted ? at(event) : undefined;
      pane.title = (found && useOrg.getState().org[found.id]?.name) ?? "";
    },
  };
}

/** Says who is in focus, for readers. */
function Focused({ id }: { id: string | null }) {
  const { t } = useTranslation(["board", "common"]);
  const workspace = useShownWorkspace(id);
  const level = useOrg((state) => (id ? (state.tree.depth[id] ?? 0) + 1 : 0));
  const words = workspace && {
    name: workspace.name,
    role: workspace.role ?? "",
    status: t(`common:status.${workspace.status}`),
    level,
  };
  return (
    <p aria-live="polite" className="sr-only">
      {words && t(words.role ? "focused_role" : "focused", words)}
    </p>
  );
}
