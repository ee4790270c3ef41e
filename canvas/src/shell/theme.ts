import { useEffect, useSyncExternalStore } from "react";
import { useView } from "../store/view";

const dark = matchMedia("(prefers-color-scheme: dark)");

function subscribe(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** The theme that is in force now. */
export function useEffectiveTheme(): "light" | "dark" {
  const chosen = useView((view) => view.theme);
  const system = useSyncExternalStore(subscribe, () => (dark.matches ? "dark" : "light"));
  return chosen === "system" ? system : chosen;
}

/** Puts the theme on the document. */
export function useTheme(): void {
  const theme = useEffectiveTheme();
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    document.documentElement.style.colorScheme = theme;
  }, [theme]);
}
