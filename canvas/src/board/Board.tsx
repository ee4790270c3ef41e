/** The organisation chart: nodes nested in their parents, on one endless sheet. */

import { Background, ReactFlow, ReactFlowProvider, useStore } from "@xyflow/react";
import { type FocusEvent, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useEffectiveTheme } from "../shell/theme";
import { usePast } from "../store/past";
import { useReadOnly } from "../store/shown";
import { autoLayout } from "./autoLayout";
import { Controls } from "./Controls";
import { MAX_ZOOM, MIN_ZOOM, mostAt } from "./detail";
import { Face } from "./Face";
import { Focused } from "./Focused";
import { focusOn } from "./focus";
import { Hints } from "./Hint";
import { NodeMenu } from "./NodeMenu";
import { Painted } from "./Painted";
import { type FaceNode, type Scene, seesMore } from "./scene";
import { Traffic } from "./traffic/Traffic";
import { useBundleDrop } from "./useBundleDrop";
import { useDrag } from "./useDrag";
import { useKeys } from "./useKeys";
import { onNodesChange, useNodes, useScene } from "./useNodes";
import { onNodeClick, onNodeContextMenu, onSelectionContextMenu, usePointer } from "./usePointer";
import { useViewport } from "./useViewport";

const NODE_TYPES = { workspace: Face };
const NONE: FaceNode[] = [];
/** The middle button pans over faces, too. */
const PAN_BUTTONS = [0, 1];
const CHOOSE_MORE = ["Control", "Meta", "Shift"];
const PRO = { hideAttribution: true };

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
  const painted = usePainted(scene);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const { showAll, save } = useViewport(scene, { width, height });
  const { dragged, ...drag } = useDrag(scene);
  const nodes = useNodes(scene.nodes, dragged);
  const pointer = usePointer(scene, painted);
  const bundles = useBundleDrop(scene);
  const layOut = useLayOut(showAll);
  const [map, setMap] = useState(true);
  const toggleMap = useCallback(() => setMap((shown) => !shown), []);
  const onKeyDown = useKeys({ showAll, layOut, toggleMap });
  // Whether a person is at the keys: then it is shown where they stand.
  const [keys, setKeys] = useState(false);
  const onFocus = (event: FocusEvent<HTMLElement>) =>
    setKeys(event.target === event.currentTarget && event.target.matches(":focus-visible"));
  useEffect(() => () => focusOn(null), []);

  return (
    <div
      // Arrow keys belong to the chart: readers pass them on to an application.
      role="application"
      aria-label={t("label")}
      aria-describedby="board-help"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the board is one tab stop with keys of its own
      tabIndex={0}
      data-testid="board"
      className="group/board absolute inset-0"
      data-keys={keys}
      onKeyDown={(event) => {
        setKeys(event.target === event.currentTarget);
        onKeyDown(event);
      }}
      onFocus={onFocus}
      onBlur={() => setKeys(false)}
      onPointerDown={() => setKeys(false)}
      {...bundles}
    >
      <p id="board-help" className="sr-only">
        {t("help")}
      </p>
      <Focused />
      <Hints keys={keys}>
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
          panOnDrag={PAN_BUTTONS}
          multiSelectionKeyCode={CHOOSE_MORE}
          selectionKeyCode="Shift"
          zoomOnDoubleClick={false}
          onNodesChange={onNodesChange}
          onNodeClick={onNodeClick}
          onNodeContextMenu={onNodeContextMenu}
          onSelectionContextMenu={onSelectionContextMenu}
          onMoveEnd={save}
          proOptions={PRO}
          {...drag}
          {...pointer}
        >
          <Background gap={28} />
          {painted && <Painted scene={scene} />}
          <Traffic scene={scene} />
        </ReactFlow>
      </Hints>
      <NodeMenu />
      <Controls scene={scene} actions={{ showAll, layOut, toggleMap }} map={map} />
    </div>
  );
}

/** Whether faces are too small, or too many, to be drawn one by one. */
function usePainted(scene: Scene): boolean {
  const was = useRef(false);
  const painted = useStore((state) => {
    const most = mostAt(state.transform[2]);
    // Back only with some fewer: at the border it would flicker.
    return seesMore(scene.placed, state.transform, state, was.current ? most * 0.9 : most);
  });
  useEffect(() => {
    was.current = painted;
  }, [painted]);
  return painted;
}

/** Lays everything out and shows it; also when a command asks for it. */
function useLayOut(showAll: () => void): () => void {
  const { t } = useTranslation(["board", "common"]);
  // When it is done the chart, and how to show all of it, are other ones.
  const show = useRef(showAll);
  useEffect(() => {
    show.current = showAll;
  }, [showAll]);
  const layOut = useCallback(() => {
    if (usePast.getState().moment !== null) return;
    void autoLayout(t("laid_out"), t("common:undo")).then((done) => {
      if (done) show.current();
    });
  }, [t]);
  useEffect(() => {
    addEventListener("isomer:auto-layout", layOut);
    return () => removeEventListener("isomer:auto-layout", layOut);
  }, [layOut]);
  return layOut;
}
