import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Dialog } from "../kit";
import { parentOf } from "../model/tree";
import { useOrg } from "../store/org";
import { useView } from "../store/view";
import { cascade, topmost } from "./cascade";
import { short } from "./Name";
import { Picker } from "./Picker";
import { usePicking } from "./picking";

/** Whom they shall report to; what that changes is shown next. */
export function MoveUnder({ ids }: { ids: readonly string[] }) {
  const { t } = useTranslation(["dialogs", "common"]);
  const tree = useOrg((state) => state.tree);
  const { roots, below } = useMemo(() => {
    const { org } = useOrg.getState();
    const top = topmost(org, ids);
    return { roots: top, below: new Set(cascade(tree, top).map((one) => one.id)) };
  }, [ids, tree]);
  const [parent, setParent] = useState<string | null>(() =>
    roots.length === 1 && roots[0] ? parentOf(useOrg.getState().org, roots[0]) : null,
  );
  const name = useOrg((state) => (roots[0] ? state.org[roots[0]]?.name : undefined));
  const allowed = useCallback((id: string) => !below.has(id), [below]);
  const close = () => usePicking.setState({ ids: null });
  return (
    <Dialog
      open
      onClose={close}
      title={t("move_title", { count: roots.length, name: short(name ?? "") })}
      footer={
        <>
          <Button onClick={close}>{t("common:cancel")}</Button>
          <Button
            look="primary"
            disabled={roots.length === 0}
            onClick={() => {
              close();
              useView.getState().set({ nesting: { ids: roots, parent } });
            }}
          >
            {t("next")}
          </Button>
        </>
      }
    >
      <Picker
        label={t("new_parent")}
        value={parent}
        onChange={setParent}
        allowed={allowed}
        nobody
        autoFocus
      />
    </Dialog>
  );
}
