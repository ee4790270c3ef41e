/** Whom a workspace may talk to, by the rules of the organisation. */

import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../kit";
import { mayTalk } from "../../model/access";
import { byName } from "../../model/tree";
import { useOrg } from "../../store/org";
import { usePast } from "../../store/past";
import { Section } from "../parts";
import { Names } from "./Overview";

/** Names that are listed at once; the rest on request. */
const LISTED = 200;

export function Access({ id }: { id: string }) {
  const { t } = useTranslation("panel");
  const [shown, setShown] = useState(false);
  const { ids, count } = useContacts(id);
  return (
    <Section
      title={t("access", { count: ids.length })}
      aside={
        ids.length > 0 && (
          <Button look="ghost" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t(shown ? "hide" : "show")}
          </Button>
        )
      }
    >
      <p className="text-muted">{t("access_text", { count })}</p>
      {shown && <Names ids={ids.slice(0, LISTED)} />}
      {shown && ids.length > LISTED && (
        <p className="text-muted">{t("and_more", { count: ids.length - LISTED })}</p>
      )}
    </Section>
  );
}

/** Derived again when the chart changes, not with every event: the tree tells. */
function useContacts(id: string) {
  const tree = useOrg((state) => state.tree);
  const moment = usePast((past) => past.moment);
  return useMemo(() => {
    const org = moment?.org ?? useOrg.getState().org;
    const order = moment?.tree.order ?? tree.order;
    const ids = order.filter((other) => other !== id && mayTalk(org, id, other));
    return { ids: ids.sort(byName(org)), count: order.length - 1 };
  }, [id, tree, moment]);
}
