import { useTranslation } from "react-i18next";
import { getWorkspace } from "../api/calls";
import { ApiError } from "../api/http";
import { Button, Notice } from "../kit";
import { useLoad } from "../kit/load";
import { dateTime } from "../kit/time";
import { usePast } from "../store/past";
import { Said, WorkspaceLink } from "./parts";
import { recordOf, textOf } from "./safe";

/** In place of a workspace that is not there: what became of it, as far as the server knows. */
export function Missing({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const at = usePast((past) => past.moment?.at);
  return (
    <Notice title={t("unknown_title")}>
      {at === undefined ? (
        <Fate id={id} />
      ) : (
        <>
          <p>{t("not_then", { when: dateTime(at) })}</p>
          <Button onClick={() => usePast.getState().live()}>{t("back_to_live")}</Button>
        </>
      )}
      <p>
        <a href="#/" className="text-accent underline underline-offset-2">
          {t("back")}
        </a>
      </p>
    </Notice>
  );
}

function Fate({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const { data, error } = useLoad(id, () => getWorkspace(id));
  if (data && data.id !== id) {
    return (
      <p>
        {t("forwarded")} <WorkspaceLink id={data.id} />
      </p>
    );
  }
  if (error instanceof ApiError && error.status === 410) {
    const at = textOf(recordOf(error.body.last_event).created_at);
    return <p>{at ? t("removed_at", { when: dateTime(at) }) : t("removed")}</p>;
  }
  if (!error) return null;
  return (
    <p>
      {t("unknown_text")} <Said text={id} className="font-mono text-xs" />
    </p>
  );
}
