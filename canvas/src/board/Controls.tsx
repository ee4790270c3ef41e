import { useReactFlow } from "@xyflow/react";
import { LayoutGrid, Map as MapIcon, Maximize, Minus, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "../kit";
import { useReadOnly } from "../store/shown";
import { autoLayout } from "./autoLayout";
import { Minimap } from "./Minimap";
import type { Scene } from "./scene";

export function Controls({ scene, showAll }: { scene: Scene; showAll(): void }) {
  const { t } = useTranslation(["board", "common"]);
  const { zoomIn, zoomOut } = useReactFlow();
  const readOnly = useReadOnly();
  const [map, setMap] = useState(true);
  const icon = { size: 16, "aria-hidden": true } as const;
  return (
    <div className="absolute right-3 bottom-3 z-10 flex flex-col items-end gap-2">
      {map && scene.placed.length > 0 && <Minimap scene={scene} />}
      <div className="flex rounded-lg border border-line bg-surface p-0.5 shadow-sm">
        <IconButton label={t("zoom_out")} onClick={() => void zoomOut()}>
          <Minus {...icon} />
        </IconButton>
        <IconButton label={t("zoom_in")} onClick={() => void zoomIn()}>
          <Plus {...icon} />
        </IconButton>
        <IconButton label={t("fit")} onClick={showAll}>
          <Maximize {...icon} />
        </IconButton>
        <IconButton
          label={t("auto_layout")}
          disabled={readOnly}
          onClick={() => void autoLayout(t("laid_out"), t("common:undo"))}
        >
          <LayoutGrid {...icon} />
        </IconButton>
        <IconButton label={t("minimap")} aria-pressed={map} onClick={() => setMap(!map)}>
          <MapIcon {...icon} />
        </IconButton>
      </div>
    </div>
  );
}
