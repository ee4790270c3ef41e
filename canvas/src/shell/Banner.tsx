import { CloudOff, Lock } from "lucide-react";
import { useTranslation } from "react-i18next";
import { span, timeOfDay, useNow } from "../kit/time";
import { useConnection } from "../live/connection";
import { useOrg } from "../store/org";

/** While there is no line: since when, and how old the data is. */
export function Banner() {
  const state = useConnection((connection) => connection.state);
  const ready = useOrg((org) => org.ready);
  if (!ready) return null;
  if (state === "locked") return <Locked />;
  return state === "lost" ? <Lost /> : null;
}

function Lost() {
  const { t } = useTranslation();
  const now = useNow();
  const { lostAt, heardAt } = useConnection();
  const age = span(Math.max(0, (now - heardAt) / 1000));
  return (
    <p
      role="alert"
      data-testid="lost-banner"
      className="flex items-center gap-2 border-b border-line bg-warn-soft px-4 py-1.5 text-warn"
    >
      <CloudOff size={16} aria-hidden />
      {t("lost_banner", { when: timeOfDay(lostAt ?? heardAt), age })}
    </p>
  );
}

function Locked() {
  const { t } = useTranslation();
  return (
    <p
      role="alert"
      className="flex items-center gap-2 border-b border-line bg-danger-soft px-4 py-1.5 text-danger"
    >
      <Lock size={16} aria-hidden />
      <strong>{t("locked_title")}.</strong> {t("locked_text")}
    </p>
  );
}
