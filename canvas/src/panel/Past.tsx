import { useTranslation } from "react-i18next";
import { Button, Notice } from "../kit";
import { usePast } from "../store/past";

/** In the past, in place of what is of the present alone. */
export function OfThePresent() {
  const { t } = useTranslation("panel");
  return (
    <Notice title={t("present_title")}>
      <p>{t("present_text")}</p>
      <Button onClick={() => usePast.getState().live()}>{t("back_to_live")}</Button>
    </Notice>
  );
}
