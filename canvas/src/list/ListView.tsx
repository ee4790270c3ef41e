// biome-ignore-all lint/a11y/useSemanticElements: rows are placed freely, which table elements are not
/** Everything the canvas offers, as a table: the reporting lines are its levels. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Notice } from "../kit";
import { usePlace } from "../nav";
import { useReadOnly } from "../store/shown";
import { useView } from "../store/view";
import { BulkBar } from "./BulkBar";
import { ROW, WIDE_FROM } from "./columns";
import { Head, NarrowHead } from "./Head";
import { ListRow, rowId } from "./Row";
import { type Grid, useGrid } from "./useGrid";
import { useRows } from "./useRows";

export function ListView() {
  const { t } = useTranslation("list");
  const { workspace: current } = usePlace();
  const { rows, sort, setSort, setFolded } = useRows();
  const frame = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow(frame);
  const height = narrow ? ROW.narrow : ROW.wide;
  const head = narrow ? 0 : 36;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
    scrollPaddingStart: head,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows are measured anew
  useEffect(() => virtual.measure(), [height]);
  const grid = useGrid({ rows, setFolded, show: (index) => virtual.scrollToIndex(index) });
  const stable = useStable(grid, setFolded);
  return (
    <div ref={frame} className="flex h-full flex-col bg-surface">
      <BulkBar />
      {narrow && <NarrowHead sort={sort} onSort={setSort} />}
      {rows.length === 0 ? (
        <Nothing />
      ) : (
        <div
          ref={scroller}
          role="treegrid"
          tabIndex={0}
          aria-label={t("label")}
          aria-multiselectable
          aria-rowcount={rows.length + 1}
          aria-activedescendant={grid.active ? rowId(grid.active) : undefined}
          className="group/grid min-h-0 grow overflow-x-hidden overflow-y-auto outline-none"
          onKeyDown={grid.onKeyDown}
        >
          {!narrow && <Head rows={rows} sort={sort} onSort={setSort} />}
          <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              return (
                row && (
                  <ListRow
                    key={row.id}
                    row={row}
                    index={item.index}
                    top={item.start}
                    height={height}
                    narrow={narrow}
                    flat={sort !== null}
                    active={row.id === grid.active}
                    current={row.id === current}
                    {...stable}
                  />
                )
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}

function Nothing() {
  const { t } = useTranslation("list");
  const { search, statuses, set } = useView();
  const readOnly = useReadOnly();
  if (search === "" && statuses.size === 0) {
    if (!readOnly) return null;
    return <Notice title={t("nothing_then_title")}>{t("nothing_then_text")}</Notice>;
  }
  return (
    <Notice title={t("no_match_title")}>
      <p>{t("no_match_text")}</p>
      <Button onClick={() => set({ search: "", statuses: new Set() })}>{t("clear")}</Button>
    </Notice>
  );
}

/** Handlers that stay the same, so that rows are not drawn again for them. */
function useStable(grid: Grid, setFolded: (id: string, folded: boolean) => void) {
  const latest = useRef({ grid, setFolded });
  latest.current = { grid, setFolded };
  return {
    onFold: useCallback((id: string, on: boolean) => latest.current.setFolded(id, on), []),
    onClick: useCallback<Grid["onRowClick"]>((e, id) => latest.current.grid.onRowClick(e, id), []),
    onPick: useCallback<Grid["pick"]>((id, range) => latest.current.grid.pick(id, range), []),
  };
}

/** The room that is there decides, not the window: the panel may lie beside. */
function useNarrow(element: React.RefObject<HTMLElement | null>): boolean {
  const [narrow, setNarrow] = useState(() => innerWidth < WIDE_FROM);
  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return;
    const watch = new ResizeObserver(() => setNarrow(node.clientWidth < WIDE_FROM));
    watch.observe(node);
    return () => watch.disconnect();
  }, [element]);
  return narrow;
}
