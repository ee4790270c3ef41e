import { cx } from "../kit";
import { useOrg } from "../store/org";

/** Letters that are written from the right, and signs that change the direction. */
const BIDI = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** Keeps a name's own direction from changing the sentence around it; others stay as they are. */
export const isolated = (name: string) => (BIDI.test(name) ? `\u2068${name}\u2069` : name);

/** A name, short enough for a title. */
export function short(name: string, most = 60): string {
  const letters = [...name];
  return isolated(letters.length > most ? `${letters.slice(0, most).join("")}…` : name);
}

/** The name of a workspace as it is now, or nothing when it is gone. */
export function Name({ id, className }: { id: string; className?: string }) {
  const name = useOrg((state) => state.org[id]?.name);
  return <bdi className={cx("break-words", className)}>{name ?? id}</bdi>;
}
