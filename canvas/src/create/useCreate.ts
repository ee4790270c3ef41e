import { useState } from "react";
import { useTranslation } from "react-i18next";
import { createWorkspace } from "../api/calls";
import { ApiError } from "../api/http";
import type { Created, CreateWorkspace } from "../api/types";

export type Runs = "hosted" | "external" | "other";

export interface Draft {
  name: string;
  role: string;
  tier: string;
  parent: string | null;
  runs: Runs;
  runtime: string;
  /** Empty: none. What is in it decides how the agent runs. */
  template: string;
}

export type Errors = Readonly<Record<string, string | undefined>>;

/** Fields that have a place to say what is wrong with them; the rest is told below them all. */
const FIELDS = ["name", "role", "tier", "runtime", "parent_id", "template"];

export function bodyOf(draft: Draft): CreateWorkspace {
  const { name, role, tier, parent, runs, runtime, template } = draft;
  return {
    name: name.trim(),
    ...(role.trim() ? { role: role.trim() } : {}),
    tier: Number(tier),
    ...(parent ? { parent_id: parent } : {}),
    ...(template ? { template } : runsAs(runs, runtime)),
  };
}

function runsAs(runs: Runs, runtime: string): Partial<CreateWorkspace> {
  if (runs === "external") return { external: true };
  return { runtime: runs === "hosted" ? "isomer" : runtime.trim() };
}

export interface Creation {
  busy: boolean;
  errors: Errors;
  /** Resolves with what was made; with nothing when it was refused. */
  create(draft: Draft): Promise<Created | undefined>;
  /** A field that is being changed is not wrong any more. */
  forgive(part: Partial<Draft>): void;
}

export function useCreate(): Creation {
  const { t } = useTranslation("create");
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Errors>({});
  return {
    busy,
    errors,
    forgive(part) {
      const changed = Object.keys(part).map((key) => (key === "parent" ? "parent_id" : key));
      setErrors((was) =>
        Object.fromEntries(Object.entries(was).filter(([field]) => !changed.includes(field))),
      );
    },
    async create(draft) {
      if (draft.name.trim() === "") {
        setErrors({ name: t("name_needed") });
        return undefined;
      }
      if (draft.template === "" && draft.runs === "other" && draft.runtime.trim() === "") {
        setErrors({ runtime: t("runtime_needed") });
        return undefined;
      }
      setBusy(true);
      setErrors({});
      try {
        return await createWorkspace(bodyOf(draft));
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const field = error instanceof ApiError ? error.field : "";
        setErrors({ [FIELDS.includes(field) ? field : "other"]: text });
        return undefined;
      } finally {
        setBusy(false);
      }
    },
  };
}
