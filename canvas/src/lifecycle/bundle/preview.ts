/** What is in a bundle, before it is imported. Whoever wrote it chose everything in it. Pure. */

/** Larger files are not read: the server would not take them. */
export const MOST_BYTES = 32 * 2 ** 20;
/** Deeper or more, and it is not looked at any further. */
const MOST_DEPTH = 32;
const MOST_WORKSPACES = 1_000;

export interface Planned {
  name: string;
  role: string;
  /** `null` when it says none that is one. */
  tier: number | null;
  skills: number;
  depth: number;
}

/** Things a person should know of; each is a text `bundle_warning.<kind>`. */
export type Warning =
  | { kind: "unnamed" | "no_tier" | "high_tier" | "unsafe_path" | "dropped"; count: number }
  | { kind: "secret"; count: number };

export interface Preview {
  /** Parents before children. */
  workspaces: readonly Planned[];
  warnings: readonly Warning[];
}

/** Why a file is no bundle; each is a text `bundle_bad.<reason>`. */
export type Bad = "not_json" | "not_object" | "no_bundle" | "too_deep" | "too_many" | "too_large";

export type Read = { bundle: unknown; preview: Preview } | { bad: Bad };

export function readBundle(text: string): Read {
  let bundle: unknown;
  try {
    bundle = JSON.parse(text);
  } catch {
    return { bad: "not_json" };
  }
  if (!isRecord(bundle)) return { bad: "not_object" };
  // Any other JSON object would be taken for a bundle with nothing in it.
  if (typeof bundle.name !== "string") return { bad: "no_bundle" };
  const found = walk(bundle);
  return "bad" in found ? found : { bundle, preview: found };
}

type Record_ = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Record_ =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown) => (typeof value === "string" ? value : "");

function walk(root: Record_): Preview | { bad: Bad } {
  const workspaces: Planned[] = [];
  const counts = { unnamed: 0, no_tier: 0, high_tier: 0, unsafe_path: 0, dropped: 0, secret: 0 };
  const stack: { one: Record_; depth: number }[] = [{ one: root, depth: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { one, depth } = next;
    if (depth > MOST_DEPTH) return { bad: "too_deep" };
    if (workspaces.length >= MOST_WORKSPACES) return { bad: "too_many" };
    const planned = plan(one, depth);
    workspaces.push(planned);
    if (planned.name.trim() === "") counts.unnamed++;
    if (planned.tier === null) counts.no_tier++;
    else if (planned.tier >= 3) counts.high_tier++;
    const paths = pathsOf(one);
    if (paths.some((path) => !isSafe(path))) counts.unsafe_path++;
    if (textsOf(one).some(holdsSecret)) counts.secret++;
    const below = listOf(one.sub_workspaces);
    counts.dropped += below.filter((child) => !isRecord(child)).length;
    for (const child of below.filter(isRecord).reverse()) {
      stack.push({ one: child, depth: depth + 1 });
    }
  }
  const kinds = Object.keys(counts) as (keyof typeof counts)[];
  const warnings = kinds
    .filter((kind) => counts[kind] > 0)
    .map((kind) => ({ kind, count: counts[kind] }));
  return { workspaces, warnings };
}

function plan(one: Record_, depth: number): Planned {
  const tier = [1, 2, 3, 4].find((known) => known === one.tier) ?? null;
  return {
    name: textOf(one.name),
    role: textOf(one.description),
    tier,
    skills: listOf(one.skills).length,
    depth,
  };
}

function pathsOf(one: Record_): string[] {
  const prompts = isRecord(one.prompts) ? Object.keys(one.prompts) : [];
  const skills = listOf(one.skills).filter(isRecord);
  const files = skills.flatMap(({ files }) => (isRecord(files) ? Object.keys(files) : []));
  return [...prompts, ...files, ...skills.map(({ id }) => textOf(id) || "unnamed")];
}

function textsOf(one: Record_): string[] {
  const prompts = isRecord(one.prompts) ? Object.values(one.prompts) : [];
  return [...prompts, one.system_prompt].map(textOf);
}

/** Whether a path stays in the folder that it is written into. */
export function isSafe(path: string): boolean {
  return (
    path !== "" &&
    !/^[/\\]|^[a-z]:|\\|\0/i.test(path) &&
    !path.split("/").some((step) => step === ".." || step === ".")
  );
}

/** Forms that keys of well-known services have, and names that are given to secrets. */
const SECRET =
  /\bsk-[\w-]{16,}|\bgh[pousr]_\w{20,}|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\b\w+_(?:API_KEY|TOKEN|SECRET)\s*[=:]\s*["']?[\w-]{12,}/i;
const holdsSecret = (text: string) => SECRET.test(text);
