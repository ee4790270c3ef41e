import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { patchWorkspace } from "../api/calls";
import type { Workspace } from "../api/types";
import { useOrg } from "../store/org";
import { notify } from "../store/toasts";
import { useView } from "../store/view";
import { refocus } from "./focus";

/** The name as a field: Enter saves, Escape leaves it as it is. */
export function Rename({ workspace }: { workspace: Workspace }) {
  const { t } = useTranslation("board");
  const [name, setName] = useState(workspace.name);
  const ended = useRef(false);
  const end = async (save: boolean) => {
    if (ended.current) return;
    ended.current = true;
    useView.getState().set({ renaming: null });
    const next = name.trim();
    if (!save || next === "" || next === workspace.name) return;
    try {
      await patchWorkspace(workspace.id, { name: next });
      useOrg.getState().patch([{ id: workspace.id, change: { name: next } }]);
    } catch (error) {
      notify.failed(error);
    }
  };
  return (
    <input
      // The person asked for it: focus is expected here.
      ref={(input) => input?.focus()}
      value={name}
      aria-label={t("rename_label")}
      onChange={(event) => setName(event.target.value)}
      onBlur={() => void end(true)}
      onKeyDown={(event) => {
        event.stopPropagation();
        // While a character is composed, Enter and Escape belong to that.
        if (event.nativeEvent.isComposing) return;
        if (event.key !== "Enter" && event.key !== "Escape") return;
        void end(event.key === "Enter");
        refocus();
      }}
      className="nodrag nopan h-6 w-full rounded border border-accent bg-surface px-1 text-sm"
    />
  );
}
