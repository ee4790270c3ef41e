/** The supervision tree as rows. Pure. */

import type { ChildReport } from "../../api/types";

export const isShard = ({ child }: ChildReport): boolean => child.startsWith("shards/");

export interface Row {
  /** The path; for a row that only holds others, theirs up to the last part. */
  path: string;
  name: string;
  level: number;
  /** `null` for a row that only holds others. */
  report: ChildReport | null;
}

/** Reports in their order, those of a common path under a row of their own. */
export function rowsOf(reports: readonly ChildReport[]): Row[] {
  const rows: Row[] = [];
  const groups = new Set<string>();
  const root = reports.some((report) => report.child === "root") ? 1 : 0;
  for (const report of reports) {
    const parts = report.child.split("/");
    const own = report.child === "root" ? 0 : root;
    const group = parts.slice(0, -1).join("/");
    if (group && !groups.has(group)) {
      groups.add(group);
      rows.push({ path: group, name: group, level: own, report: null });
    }
    rows.push({
      path: report.child,
      name: parts.at(-1) ?? report.child,
      level: own + parts.length - 1,
      report,
    });
  }
  return rows;
}

/** The place in a grid that an arrow key leads to; `undefined` where there is none. */
export function stepIn(
  at: number,
  key: string,
  columns: number,
  count: number,
): number | undefined {
  const to = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    Home: 0,
    End: count - 1,
  }[key];
  return to !== undefined && to >= 0 && to < count ? to : undefined;
}

/** How much of the largest a value is, in four steps; 0 for nothing. */
export function heatOf(value: number, largest: number): 0 | 1 | 2 | 3 | 4 {
  if (value <= 0 || largest <= 0) return 0;
  return Math.min(4, Math.max(1, Math.ceil((value / largest) * 4))) as 1 | 2 | 3 | 4;
}

/** What a counter gained since the first reading. It begins anew at 0 when its server does. */
export function gains(readings: readonly number[]): number[] {
  let sum = 0;
  return readings.map((reading, place) => {
    const before = readings[place - 1] ?? reading;
    sum += reading >= before ? reading - before : reading;
    return sum;
  });
}
