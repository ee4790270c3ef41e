import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Dialog } from "../kit";
import { useConnection } from "../live/connection";
import { useOrg } from "../store/org";

/** The session has ended. What is shown may be looked at; nothing can be changed. */
export function Locked() {
  const { t } = useTranslation(["dialogs", "common"]);
  const locked = useConnection((connection) => connection.state === "locked");
  const ready = useOrg((state) => state.ready);
  const [seen, setSeen] = useState(false);
  return (
    <Dialog
      open={locked && ready && !seen}
      onClose={() => setSeen(true)}
      title={t("common:locked_title")}
      description={t("common:locked_text")}
      footer={
        <>
          <Button onClick={() => setSeen(true)}>{t("common:close")}</Button>
          <Button look="primary" onClick={() => location.reload()}>
            {t("reload")}
          </Button>
        </>
      }
    />
  );
}
