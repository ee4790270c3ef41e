/** The texts of this area: they come with it, and not with the first look. */

import i18next, { type TFunction } from "i18next";
import lifecycle from "../texts/en/lifecycle.json";

i18next.addResourceBundle("en", "lifecycle", lifecycle);

/** Outside of what is drawn. */
export const tell: TFunction<"lifecycle"> = i18next.getFixedT("en", "lifecycle");
