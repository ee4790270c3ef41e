/** Sizes of files. */

const inUnits = (unit: string) =>
  new Intl.NumberFormat(undefined, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: 1,
  });
/** Made once: making a formatter takes longer than using it a hundred times. */
const UNITS: readonly [number, Intl.NumberFormat][] = [
  [2 ** 30, inUnits("gigabyte")],
  [2 ** 20, inUnits("megabyte")],
  [2 ** 10, inUnits("kilobyte")],
  [1, inUnits("byte")],
];

/** A size in its largest unit, such as "3.1 MB": of 1,024 each, as the server's limits are. */
export function size(bytes: number): string {
  const [unit, format] = UNITS.find(([unit]) => bytes >= unit) ?? [1, inUnits("byte")];
  return format.format(bytes / unit);
}
