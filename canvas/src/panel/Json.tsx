import { Said } from "./parts";

/** A value is at most this long on the page, in characters. */
const SHOWN = 20_000;

/** What somebody sent, as text that can be scrolled with the keyboard, too. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const whole = JSON.stringify(value, null, 2) ?? "";
  const text = whole.length > SHOWN ? `${whole.slice(0, SHOWN)}…` : whole;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset holds fields
    <div
      role="group"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable
      tabIndex={0}
      className="max-h-72 overflow-auto rounded-md bg-raised p-2"
    >
      <pre className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
        <Said text={text} />
      </pre>
    </div>
  );
}
