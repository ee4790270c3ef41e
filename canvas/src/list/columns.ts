/** Head and rows share one grid; below this width, in pixels, rows have two lines instead. */
export const WIDE_FROM = 1190;

export const COLUMNS =
  "grid items-center gap-x-3 grid-cols-[1.5rem_minmax(12rem,2.2fr)_8.5rem_minmax(5rem,1fr)_2rem_5rem_minmax(7rem,1.4fr)_3rem_6.5rem_minmax(6rem,1fr)_5.5rem_5.5rem_2rem]";

/** Heights of a row in pixels. */
export const ROW = { wide: 40, narrow: 56 };
