import { memo } from "react";
import { cx } from "../../kit";
import { piecesOf, type Style } from "./ansi";
import { grouped, type Line } from "./buffer";

/** Lines that are drawn as one: those out of sight cost no layout. */
const GROUP = 100;
/** Height of a line in pixels, as groups out of sight are taken to have it. */
const LINE = 18;

interface LinesProps {
  lines: readonly Line[];
  wrap: boolean;
  /** In small letters; empty: none. */
  search: string;
  /** The number of the line that was found. */
  found: number | null;
}

export function Lines({ lines, wrap, search, found }: LinesProps) {
  return grouped(lines, GROUP).map(({ key, lines: own }) => (
    <Group
      key={key}
      // The same lines are the same group, however often the rest is drawn.
      span={`${own[0]?.number}-${own.at(-1)?.number}`}
      lines={own}
      wrap={wrap}
      search={search}
      found={own.some((line) => line.number === found) ? found : null}
    />
  ));
}

const Group = memo(
  function Group({ lines, wrap, search, found }: LinesProps & { span: string }) {
    return (
      <div
        className="[content-visibility:auto]"
        style={{ containIntrinsicHeight: `auto ${lines.length * LINE}px` }}
      >
        {lines.map((line) => (
          <div
            key={line.number}
            data-line={line.number}
            className={cx(
              "min-h-[18px] px-3 leading-[18px]",
              wrap ? "whitespace-pre-wrap [overflow-wrap:anywhere]" : "whitespace-pre",
              line.number === found && "bg-accent-soft",
            )}
          >
            {piecesOf(line.text).map((piece, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line do not change
              <span key={index} className={classOf(piece.style)}>
                {marked(piece.text, search)}
              </span>
            ))}
          </div>
        ))}
      </div>
    );
  },
  (a, b) => a.span === b.span && a.wrap === b.wrap && a.search === b.search && a.found === b.found,
);

function marked(text: string, search: string) {
  if (search === "") return text;
  const parts: React.ReactNode[] = [];
  const low = text.toLowerCase();
  let at = 0;
  // Letters that change their length in small are rare: then nothing is marked.
  if (low.length !== text.length) return text;
  for (let next = low.indexOf(search); next >= 0; next = low.indexOf(search, at)) {
    parts.push(text.slice(at, next));
    at = next + search.length;
    parts.push(
      <mark key={next} className="bg-warn text-surface">
        {text.slice(next, at)}
      </mark>,
    );
  }
  parts.push(text.slice(at));
  return parts;
}

/** By meaning, as everywhere: these can be read on both themes. */
const INKS: Readonly<Record<number, string>> = {
  0: "text-muted",
  1: "text-danger",
  2: "text-good",
  3: "text-warn",
  4: "text-busy",
  5: "text-accent",
  6: "text-busy",
  7: "text-ink",
};
const GROUNDS: Readonly<Record<number, string>> = {
  1: "bg-danger-soft",
  2: "bg-good-soft",
  3: "bg-warn-soft",
  4: "bg-busy-soft",
  5: "bg-accent-soft",
  6: "bg-busy-soft",
};

function classOf(style: Style): string {
  const { ink, ground } = style;
  return cx(
    ink !== undefined && INKS[ink % 8],
    ink !== undefined && ink >= 8 && ink < 15 && "font-semibold",
    ground !== undefined && (GROUNDS[ground % 8] ?? "bg-quiet-soft"),
    style.bold && "font-semibold",
    style.dim && "text-muted",
    style.italic && "italic",
    style.underline && "underline",
    style.inverse && "bg-quiet-soft",
  );
}
