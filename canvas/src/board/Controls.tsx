import { useReactFlow } from "@xyflow/react";
import { LayoutGrid, Map as MapIcon, Maximize, Minus, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "../kit";
import { useReadOnly } from "../store/shown";
import { Minimap } from "./Minimap";
import type { Scene } from "./scene";
import type { BoardActions } from "./useKeys";

interface ControlsProps {
  scene: Scene;
  actions: BoardActions;
  /** Whether the map is shown. */
  map: boolean;
}

export function Controls({ scene, actions, map }: ControlsProps) {
  const { t } = useTranslation("board");
  const { zoomIn, zoomOut } = useReactFlow();
  const readOnly = useReadOnly();
  const icon = { size: 16, "aria-hidden": true } as const;
  return (
    <div className="absolute right-3 bottom-3 z-10 flex flex-col items-end gap-2">
      {map && scene.placed.length > 0 && <Minimap scene={scene} />}
      <div className="flex rounded-lg border border-line bg-surface p-0.5 shadow-sm">
        <IconButton label={t("zoom_out")} keys="-" onClick={() => void zoomOut()}>
          <Minus {...icon} />
        </IconButton>
        <IconButton label={t("zoom_in")} keys="+" onClick={() => void zoomIn()}>
          <Plus {...icon} />
        </IconButton>
        <IconButton label={t("fit")} keys="0" onClick={actions.showAll}>
          <Maximize {...icon} />
        </IconButton>
        <IconButton label={t("auto_layout")} keys="L" disabled={readOnly} onClick={actions.layOut}>
          <LayoutGrid {...icon} />
        </IconButton>
        <IconButton label={t("minimap")} keys="M" aria-pressed={map} onClick={actions.toggleMap}>
          <MapIcon {...icon} />
        </IconButton>
      </div>
    </div>
  );
}
