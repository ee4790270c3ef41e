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

/** Reports in their order, those of a common path together, under a row of their own. */
export function rowsOf(reports: readonly ChildReport[]): Row[] {
  const groups = new Map<string, ChildReport[]>();
  for (const report of reports) {
    const group = report.child.split("/").slice(0, -1).join("/") || report.child;
    groups.set(group, [...(groups.get(group) ?? []), report]);
  }
  const base = groups.has("root") ? 1 : 0;
  return [...groups].flatMap(([group, members]) => {
    const level = group === "root" ? 0 : base;
    const head: Row[] = members.some((report) => report.child === group)
      ? []
      : [{ path: group, name: group, level, report: null }];
    return head.concat(
      members.map((report) => ({
        path: report.child,
        name: report.child.split("/").at(-1) ?? report.child,
        level: report.child === group ? level : level + 1,
        report,
      })),
    );
  });
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
