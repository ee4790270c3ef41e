/** The places for the token in the snippets, by exact text (docs/api/platform-api.md). */
const PLACES = [
  ['WORKSPACE_AUTH_TOKEN="', '<paste from create response>"'],
  ['AUTH_TOKEN    = "', '<paste from create response>"'],
] as const;

/** Puts the token in its place. Without a token, or a place for it, the text stays as it is. */
export function fill(snippet: string, token: string): string {
  if (token === "") return snippet;
  let filled = snippet;
  for (const [before, placeholder] of PLACES) {
    // A function: `$` in a token would mean something in a replacement text.
    filled = filled.replace(before + placeholder, () => `${before}${token}"`);
  }
  return filled;
}
