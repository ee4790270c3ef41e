import { cx } from "../kit";
import { useOrg } from "../store/org";

/** Keeps a name's own direction from changing the sentence around it. */
export const isolated = (name: string) => `\u2068${name}\u2069`;

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
