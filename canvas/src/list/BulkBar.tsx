import { useTranslation } from "react-i18next";
import { pickParent } from "../dialogs/picking";
import { Button } from "../kit";
import { offeredToMany, those } from "../lifecycle/items";
import { begin } from "../lifecycle/state";
import { useInfo } from "../store/info";
import { useReadOnly } from "../store/shown";
import { useView } from "../store/view";
import { fold } from "./actions";

/** What can be done with everything that is selected. */
export function BulkBar() {
  const { t } = useTranslation(["list", "common"]);
  const { selected, select, set } = useView();
  const disabled = useReadOnly();
  const { info } = useInfo();
  if (selected.size === 0) return null;
  const ids = [...selected];
  const [only] = ids;
  const many = offeredToMany(info?.features).map((action) => ({ action, fit: those(action, ids) }));
  return (
    <div
      role="toolbar"
      aria-label={t("selected", { count: ids.length })}
      className="flex flex-wrap items-center gap-2 border-b border-line bg-accent-soft px-3 py-1.5"
    >
      <strong role="status" className="mr-1 text-sm">
        {t("selected", { count: ids.length })}
      </strong>
      <Button disabled={disabled} onClick={() => pickParent(ids)}>
        {t("move")}
      </Button>
      <Button disabled={disabled} onClick={() => fold(ids, true)}>
        {t("fold_team")}
      </Button>
      <Button disabled={disabled} onClick={() => fold(ids, false)}>
        {t("unfold_team")}
      </Button>
      {many.map(
        ({ action, fit }) =>
          fit.length > 0 && (
            <Button key={action} disabled={disabled} onClick={() => begin(action, fit)}>
              {t(`common:many.${action as "restart"}`, { count: fit.length })}
            </Button>
          ),
      )}
      {ids.length === 1 && only && (
        <Button disabled={disabled} onClick={() => set({ forwarding: only })}>
          {t("forward")}
        </Button>
      )}
      <Button look="danger" disabled={disabled} onClick={() => set({ removing: ids })}>
        {t("remove")}
      </Button>
      <Button look="ghost" className="ms-auto" onClick={() => select([])}>
        {t("clear_selection")}
      </Button>
    </div>
  );
}
