import { useMemo } from "react";
import { type Palette, paletteOf } from "./paint";

/** Returns how to get the colours of a theme: read when first asked, when the theme is in force. */
export function usePalette(theme: "light" | "dark"): () => Palette {
  return useMemo(() => {
    let known: { theme: string; colours: Palette } | undefined;
    return () => {
      known ??= { theme, colours: paletteOf(document.documentElement) };
      return known.colours;
    };
  }, [theme]);
}
