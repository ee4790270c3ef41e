/** One-click layout with the Eclipse Layout Kernel, in a worker that is loaded when it is asked for. */

import { HEADER, NODE, PADDING } from "../model/placement";
import { ROOT } from "../model/tree";
import { arrange, type Move, undo } from "../store/arrange";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";

interface ElkNode {
  id: string;
  width?: number;
  height?: number;
  x?: number;
  y?: number;
  children?: ElkNode[];
  layoutOptions?: Record<string, string>;
}

const OPTIONS = {
  "elk.algorithm": "rectpacking",
  "elk.aspectRatio": "1.6",
  "elk.spacing.nodeNode": "24",
  "elk.rectpacking.widthApproximation.strategy": "GREEDY",
};

function graph(id: string): ElkNode {
  const { org, tree } = useOrg.getState();
  const members = org[id]?.collapsed ? [] : (tree.children[id] ?? []);
  if (members.length === 0) return { id, ...NODE };
  const [top, side] = [id === ROOT ? 0 : HEADER, id === ROOT ? 0 : PADDING];
  return {
    id: id === ROOT ? "root" : id,
    children: members.map(graph),
    layoutOptions: {
      ...OPTIONS,
      "elk.padding": `[top=${top},left=${side},bottom=${side},right=${side}]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${NODE.width},${NODE.height})`,
    },
  };
}

/**
 * Lays everything out as one step, which can be undone. `undoLabel` is what the notice offers.
 * Returns whether anything was laid out; a failure is told.
 */
export async function autoLayout(done: string, undoLabel: string): Promise<boolean> {
  const [{ default: Elk }, { default: workerUrl }] = await Promise.all([
    import("elkjs/lib/elk-api"),
    import("elkjs/lib/elk-worker.min.js?url"),
  ]);
  const elk = new Elk({ workerUrl });
  try {
    const laid = (await elk.layout(graph(ROOT))) as ElkNode;
    const moves: Move[] = [];
    collect(laid, moves);
    if (!(await arrange({ what: "laid_out", moves }))) return false;
    notify.info(done, { label: undoLabel, run: () => void undo() });
    return true;
  } catch (error) {
    notify.failed(error);
    return false;
  } finally {
    elk.terminateWorker();
  }
}

function collect(node: ElkNode, moves: Move[]): void {
  const { org } = useOrg.getState();
  for (const child of node.children ?? []) {
    const was = org[child.id];
    // (0, 0) stands for no place at all.
    const [x, y] = [Math.round(child.x ?? 0) || 1, Math.round(child.y ?? 0)];
    if (was && (was.x !== x || was.y !== y)) {
      moves.push({ id: child.id, from: { x: was.x, y: was.y }, to: { x, y } });
    }
    collect(child, moves);
  }
}
