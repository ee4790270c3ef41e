/** Starts the members that a workspace's configuration names. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import * as api from "../api/lifecycle";
import { short } from "../dialogs/Name";
import { Button, Dialog } from "../kit";
import { go, pathOf } from "../nav";
import { useInfo } from "../store/info";
import { useOrg } from "../store/org";
import { answered } from "./state";

export function Grow({ id }: { id: string }) {
  const { t } = useTranslation(["lifecycle", "common"]);
  const name = short(useOrg((state) => state.org[id]?.name) ?? id);
  const files = useInfo().info?.features.files === true;
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const [members, setMembers] = useState<readonly api.Member[] | null>(null);
  const grow = async () => {
    setBusy(true);
    setWhy("");
    try {
      setMembers((await api.expand(id)).children);
    } catch (error) {
      setWhy(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const close = () => !busy && answered();
  const lacks = /sub_workspaces|no config/.test(why);
  return (
    <Dialog
      open
      onClose={close}
      title={t(members ? "grown_title" : "grow_title", { name, count: members?.length ?? 0 })}
      description={members ? undefined : t("grow_text")}
      footer={
        members ? (
          <Button look="primary" onClick={close}>
            {t("common:close")}
          </Button>
        ) : (
          <>
            <Button onClick={close} disabled={busy}>
              {t("common:cancel")}
            </Button>
            <Button look="primary" disabled={busy} onClick={() => void grow()}>
              {t(busy ? "growing" : "grow")}
            </Button>
          </>
        )
      }
    >
      {members ? <Members members={members} /> : <p className="text-muted">{t("grow_not_fold")}</p>}
      {why && (
        <div role="alert" className="mt-3 break-words text-danger">
          <p>{why}</p>
          {lacks && <p className="mt-1 text-ink">{t("grow_lacks")}</p>}
          {lacks && files && (
            <Button
              className="mt-2"
              onClick={() => {
                answered();
                go(pathOf(id, "files"));
              }}
            >
              {t("open_files")}
            </Button>
          )}
        </div>
      )}
    </Dialog>
  );
}

function Members({ members }: { members: readonly api.Member[] }) {
  const { t } = useTranslation("lifecycle");
  if (members.length === 0) return <p>{t("nobody_new")}</p>;
  return (
    <ul className="max-h-60 overflow-y-auto">
      {members.map((one) => (
        <li key={one.id} className="flex min-w-0 gap-2 py-1">
          <a
            href={`#${pathOf(one.id)}`}
            onClick={answered}
            className="min-w-0 truncate text-accent underline underline-offset-2"
          >
            <bdi dir="auto">{one.name}</bdi>
          </a>
          {one.role && (
            <bdi dir="auto" className="min-w-0 truncate text-muted">
              {one.role}
            </bdi>
          )}
        </li>
      ))}
    </ul>
  );
}
