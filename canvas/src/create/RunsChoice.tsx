import { Bot, Plug, SquareTerminal } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx, Field } from "../kit";
import type { Draft, Runs } from "./useCreate";

const ICONS = { hosted: Bot, external: Plug, other: SquareTerminal };
/** Offered while typing; any other name will do. */
const KNOWN = [
  "langgraph",
  "claude-code",
  "crewai",
  "autogen",
  "deepagents",
  "codex",
  "gemini-cli",
];

export interface RunsChoiceProps {
  /** Whether this server runs agents itself. */
  hosting: boolean;
  runs: Runs;
  runtime: string;
  error: string | undefined;
  onChange(part: Partial<Pick<Draft, "runs" | "runtime">>): void;
}

/** How the agent runs, with what follows from each way. */
export function RunsChoice({ hosting, runs, runtime, error, onChange }: RunsChoiceProps) {
  const { t } = useTranslation("create");
  const ways: Runs[] = hosting ? ["hosted", "external", "other"] : ["external", "other"];
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{t("runs")}</legend>
      <div className="space-y-1.5">
        {ways.map((way) => {
          const Icon = ICONS[way];
          return (
            <label
              key={way}
              className={cx(
                "flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2",
                runs === way ? "border-accent bg-accent-soft" : "border-line-strong",
              )}
            >
              <input
                type="radio"
                name="runs"
                className="mt-0.5 size-4 accent-accent"
                checked={runs === way}
                onChange={() => onChange({ runs: way })}
              />
              <Icon size={16} aria-hidden className="mt-0.5 shrink-0" />
              <span>
                <span className="font-medium">{t(way)}</span>
                <span className="block text-xs text-muted">{t(`${way}_hint`)}</span>
              </span>
            </label>
          );
        })}
      </div>
      {error && runs !== "other" && <p className="mt-1 text-sm text-danger">{error}</p>}
      {runs === "other" && (
        <div className="mt-3 space-y-2">
          <Field
            label={t("runtime")}
            value={runtime}
            error={error}
            list="known-runtimes"
            maxLength={100}
            autoComplete="off"
            onChange={(event) => onChange({ runtime: event.target.value })}
          />
          <datalist id="known-runtimes">
            {KNOWN.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <p className="rounded-md bg-warn-soft px-3 py-2 text-sm text-warn">{t("other_note")}</p>
        </div>
      )}
    </fieldset>
  );
}
