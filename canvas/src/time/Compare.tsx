import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Dialog, Field } from "../kit";
import { type Difference, difference } from "../model/diff";
import { orgOf } from "../model/org";
import { useOrg } from "../store/org";
import { read, usePast } from "../store/past";
import { Differences } from "./Differences";
import { fromField, toField } from "./field";

/** The second moment when nothing is chosen: an hour before the first. */
const BACK_MS = 3_600_000;

/** What is different between two moments; the second is now unless one is chosen. */
export function Compare({ onClose }: { onClose(): void }) {
  const { t } = useTranslation("time");
  const [from, setFrom] = useState(() =>
    toField(usePast.getState().moment?.at ?? Date.now() - BACK_MS),
  );
  const [to, setTo] = useState("");
  const [now, setNow] = useState(true);
  const result = useDifference(fromField(from), now ? null : fromField(to));
  return (
    <Dialog open wide onClose={onClose} title={t("compare_title")} description={t("compare_text")}>
      <div className="mb-4 grid gap-3 sm:grid-cols-2">
        <Field
          label={t("from")}
          type="datetime-local"
          step={1}
          value={from}
          error={fromField(from) === undefined ? t("bad_time") : undefined}
          onChange={(event) => setFrom(event.target.value)}
        />
        <div>
          <Field
            label={t("to")}
            type="datetime-local"
            step={1}
            value={now ? "" : to}
            disabled={now}
            error={!now && fromField(to) === undefined ? t("bad_time") : undefined}
            onChange={(event) => setTo(event.target.value)}
          />
          <label className="mt-1 flex min-h-6 items-center gap-2 text-sm">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={now}
              onChange={(event) => {
                setNow(event.target.checked);
                if (!event.target.checked && to === "") setTo(toField(Date.now()));
              }}
            />
            {t("to_now")}
          </label>
        </div>
      </div>
      <div role="status">
        {result.reading && <p className="text-muted">{t("reading")}</p>}
        {result.failed && <p className="break-words text-danger">{result.failed}</p>}
        {result.found && (
          <Differences found={result.found} from={fromField(from) ?? 0} onGo={onClose} />
        )}
      </div>
    </Dialog>
  );
}

interface Result {
  reading: boolean;
  failed?: string;
  found?: Difference;
}

/** Reads both moments; `to` is now when `null`, and unknown when `undefined`. */
function useDifference(from: number | undefined, to: number | null | undefined): Result {
  const [result, setResult] = useState<Result>({ reading: true });
  useEffect(() => {
    if (from === undefined || to === undefined) return setResult({ reading: false });
    let ended = false;
    setResult({ reading: true });
    const there = to === null ? null : read(to);
    Promise.all([read(from), there]).then(
      ([before, after]) => {
        const end = after === null ? useOrg.getState().org : orgOf(after);
        if (!ended) setResult({ reading: false, found: difference(orgOf(before), end) });
      },
      (error) => {
        const failed = error instanceof Error ? error.message : String(error);
        if (!ended) setResult({ reading: false, failed });
      },
    );
    return () => {
      ended = true;
    };
  }, [from, to]);
  return result;
}
