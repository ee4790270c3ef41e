import { Check, Copy } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../kit";

interface SnippetProps {
  label: string;
  text: string;
  onCopied(): void;
}

/** Lines to paste elsewhere, with a button that copies them. */
export function Snippet({ label, text, onCopied }: SnippetProps) {
  const { t } = useTranslation("create");
  const block = useRef<HTMLPreElement>(null);
  const [state, setState] = useState<"copy" | "copied" | "copy_manually">("copy");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
      onCopied();
    } catch {
      // Without a secure origin there is no clipboard: the person's own key copies it.
      if (block.current) getSelection()?.selectAllChildren(block.current);
      setState("copy_manually");
    }
  };
  return (
    <div className="relative rounded-md border border-line bg-raised">
      <Button autoFocus className="absolute end-2 top-2" onClick={() => void copy()}>
        {state === "copied" ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
        <span role="status">{t(state)}</span>
      </Button>
      <section
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="max-h-72 overflow-auto p-3 pt-12"
      >
        <pre ref={block} dir="ltr" onCopy={onCopied} className="font-mono text-xs leading-relaxed">
          {text}
        </pre>
      </section>
    </div>
  );
}
