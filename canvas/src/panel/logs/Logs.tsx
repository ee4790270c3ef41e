/** What the agent of a workspace writes: the last lines, and on from there. */

import { ArrowDownToLine, ChevronDown, ChevronUp, Download, Eraser, WrapText } from "lucide-react";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../../api/http";
import { Button, cx, IconButton, Select } from "../../kit";
import { download, fileName } from "../../lifecycle/download";
import { recall, remember } from "../../store/kept";
import { useWorkspace } from "../../store/org";
import { CopyButton, Failed, Quiet } from "../parts";
import { plain } from "./ansi";
import { textOf } from "./buffer";
import { Lines } from "./Lines";
import { useLog } from "./useLog";
import "../../lifecycle/texts";

const TAILS = ["200", "1000", "5000"] as const;
const WRAP = "isomer.logs.wrap";
/** Closer to the end than this, it stays at the end; in pixels. */
const AT_END = 24;

export function Logs({ id }: { id: string }) {
  const { t } = useTranslation("lifecycle");
  const name = useWorkspace(id)?.name ?? id;
  const [tail, setTail] = useState<string>("1000");
  const [follow, setFollow] = useState(true);
  const [wrap, setWrap] = useState(() => recall(WRAP) !== "off");
  const [query, setQuery] = useState("");
  const [pick, setPick] = useState(0);
  const log = useLog(id, Number(tail), follow);
  const { buffer } = log;
  const lines = useMemo(
    () =>
      buffer.rest === ""
        ? buffer.lines
        : [...buffer.lines, { number: buffer.next, text: buffer.rest }],
    [buffer],
  );
  const search = query.trim().toLowerCase();
  const hits = useMemo(
    () =>
      search === "" ? [] : lines.filter((line) => plain(line.text).toLowerCase().includes(search)),
    [lines, search],
  );
  const found = hits.length > 0 ? (hits[mod(pick, hits.length)]?.number ?? null) : null;
  const { box, atEnd, toEnd, onScroll } = useEnd(lines, found);
  const off = log.error instanceof ApiError && [404, 409, 501].includes(log.error.status);

  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="mb-2 flex flex-wrap items-end gap-x-2 gap-y-1">
        <Select
          label={t("log_lines")}
          hideLabel
          value={tail}
          onChange={setTail}
          options={TAILS.map((value) => ({
            value,
            label: t("log_last", { count: Number(value) }),
          }))}
          className="w-36"
        />
        <Button aria-pressed={follow} onClick={() => setFollow(!follow)}>
          {t(follow ? "log_following" : "log_follow")}
        </Button>
        <div className="flex">
          <IconButton
            label={t("log_wrap")}
            aria-pressed={wrap}
            look={wrap ? "plain" : "ghost"}
            onClick={() => {
              setWrap(!wrap);
              remember(WRAP, wrap ? "off" : "on");
            }}
          >
            <WrapText size={15} aria-hidden />
          </IconButton>
          <CopyButton text={plain(textOf(buffer))} label={t("log_copy")} />
          <IconButton
            label={t("log_download")}
            onClick={() =>
              download(new Blob([textOf(buffer)], { type: "text/plain" }), fileName(name, ".log"))
            }
          >
            <Download size={15} aria-hidden />
          </IconButton>
          <IconButton label={t("log_clear")} onClick={log.clear}>
            <Eraser size={15} aria-hidden />
          </IconButton>
        </div>
        <form
          className="flex min-w-48 grow items-center gap-1"
          onSubmit={(event) => {
            event.preventDefault();
            setPick((one) => one + 1);
          }}
        >
          <input
            type="search"
            aria-label={t("log_search")}
            placeholder={t("log_search")}
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setPick(0);
            }}
            className="h-8 w-full min-w-0 rounded-md border border-line-strong bg-surface px-2"
          />
          <span role="status" className="shrink-0 text-xs text-muted tabular-nums">
            {search &&
              (hits.length === 0
                ? t("log_none")
                : t("log_hit", { at: mod(pick, hits.length) + 1, total: hits.length }))}
          </span>
          <IconButton label={t("log_previous")} onClick={() => setPick((one) => one - 1)}>
            <ChevronUp size={15} aria-hidden />
          </IconButton>
          <IconButton label={t("log_next")} type="submit">
            <ChevronDown size={15} aria-hidden />
          </IconButton>
        </form>
      </div>
      {log.error !== undefined && !off && <Failed error={log.error} retry={log.again} />}
      {off && (
        <Quiet>
          {t("log_off", { why: log.error instanceof Error ? log.error.message : "" })}{" "}
          <Button look="ghost" onClick={log.again}>
            {t("try_again")}
          </Button>
        </Quiet>
      )}
      {lines.length === 0 && log.error === undefined && log.state !== "reading" && (
        <Quiet>{t("log_empty")}</Quiet>
      )}
      {buffer.dropped > 0 && (
        <p className="mb-1 text-xs text-muted">{t("log_dropped", { count: buffer.dropped })}</p>
      )}
      {lines.length > 0 && (
        <div className="relative min-h-0 grow">
          <div
            ref={box}
            role="log"
            aria-live="off"
            aria-label={t("log_label")}
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
            tabIndex={0}
            dir="ltr"
            data-testid="log"
            onScroll={onScroll}
            className="absolute inset-0 overflow-auto rounded-md border border-line bg-raised py-2 font-mono text-xs"
          >
            <Lines lines={lines} wrap={wrap} search={search} found={found} />
          </div>
          {!atEnd && (
            <Button className={cx("absolute right-4 bottom-3 shadow-lg")} onClick={toEnd}>
              <ArrowDownToLine size={15} aria-hidden />
              {t(follow ? "log_resume" : "log_end")}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

const mod = (value: number, size: number) => ((value % size) + size) % size;

/** Stays at the end while it is there; scrolling away keeps the place, searching goes to the line. */
function useEnd(lines: readonly unknown[], found: number | null) {
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const stays = useRef(true);
  const toEnd = () => {
    stays.current = true;
    setAtEnd(true);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: lines that came move the end
  useLayoutEffect(() => {
    if (stays.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [lines]);
  useLayoutEffect(() => {
    if (found === null) return;
    stays.current = false;
    box.current?.querySelector(`[data-line="${found}"]`)?.scrollIntoView({ block: "center" });
  }, [found]);
  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    const end = element.scrollHeight - element.scrollTop - element.clientHeight < AT_END;
    stays.current = end;
    setAtEnd(end);
  };
  return { box, atEnd, toEnd, onScroll };
}
