import type { Features } from "../api/types";
import { useInfoStore } from "../store/info";

/** What the server offers, as far as it is known: for what is made when it is asked for. */
export const knownFeatures = (): Features | undefined => useInfoStore.getState().info?.features;
