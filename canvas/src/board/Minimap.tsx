import { useReactFlow, useStore } from "@xyflow/react";
import { type PointerEvent, useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useEffectiveTheme } from "../shell/theme";
import { useShownOrg } from "../store/shown";
import { useView } from "../store/view";
import { useDimmed } from "./match";
import { paint, type Transform } from "./paint";
import type { Scene } from "./scene";
import { usePalette } from "./usePalette";

const SIZE = { width: 180, height: 112 };
const MARGIN = 6;
/** A few nodes do not fill the map. */
const LARGEST = 0.18;
/** The map is drawn at most this often: it need not follow every frame. */
const EVERY_MS = 200;

/** Everything small, with a frame around what the board shows. */
export function Minimap({ scene }: { scene: Scene }) {
  const { t } = useTranslation("board");
  const canvas = useRef<HTMLCanvasElement>(null);
  const { setCenter, getZoom } = useReactFlow();
  const org = useShownOrg();
  const theme = useEffectiveTheme();
  const selected = useView((view) => view.selected);
  const dimmed = useDimmed();
  const map = useMemo(() => mapOf(scene), [scene]);
  // Read again when the theme is another one.
  const palette = usePalette(theme);

  useEffect(() => {
    const timer = setTimeout(() => {
      const context = canvas.current?.getContext("2d");
      if (!canvas.current || !context) return;
      const scale = devicePixelRatio || 1;
      canvas.current.width = SIZE.width * scale;
      canvas.current.height = SIZE.height * scale;
      paint(context, {
        placed: scene.placed,
        org,
        palette: palette(),
        transform: map,
        selected,
        dimmed,
      });
    }, EVERY_MS);
    return () => clearTimeout(timer);
  }, [scene, org, map, selected, dimmed, palette]);

  const jump = (event: PointerEvent<HTMLElement>) => {
    if (event.buttons !== 1) return;
    const corner = event.currentTarget.getBoundingClientRect();
    const x = (event.clientX - corner.left - map.x) / map.zoom;
    const y = (event.clientY - corner.top - map.y) / map.zoom;
    void setCenter(x, y, { zoom: getZoom() });
  };

  return (
    <div
      aria-hidden
      title={t("minimap_label")}
      data-testid="minimap"
      className="relative cursor-pointer overflow-hidden rounded-lg border border-line bg-page shadow-sm"
      style={SIZE}
      onPointerDown={jump}
      onPointerMove={jump}
    >
      <canvas ref={canvas} className="size-full" />
      <Frame map={map} />
    </div>
  );
}

function mapOf({ bounds }: Scene): Transform {
  const zoom = Math.min(
    LARGEST,
    (SIZE.width - 2 * MARGIN) / bounds.width,
    (SIZE.height - 2 * MARGIN) / bounds.height,
  );
  return {
    zoom,
    x: (SIZE.width - bounds.width * zoom) / 2 - bounds.x * zoom,
    y: (SIZE.height - bounds.height * zoom) / 2 - bounds.y * zoom,
  };
}

function Frame({ map }: { map: Transform }) {
  const [x, y, zoom] = useStore((state) => state.transform);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  return (
    <div
      className="pointer-events-none absolute rounded-sm border-2 border-accent"
      style={{
        left: (-x / zoom) * map.zoom + map.x,
        top: (-y / zoom) * map.zoom + map.y,
        width: (width / zoom) * map.zoom,
        height: (height / zoom) * map.zoom,
      }}
    />
  );
}
