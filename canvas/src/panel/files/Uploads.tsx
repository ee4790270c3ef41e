import { Check, CircleX, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "../../kit";
import { size } from "../../kit/bytes";
import { join, MOST_UPLOADED } from "./paths";
import type { Uploaded } from "./upload";

interface Props {
  list: readonly Uploaded[];
  root: string;
  folder: string;
  onClose(): void;
}

/** What became of each file that was dropped. */
export function Uploads({ list, root, folder, onClose }: Props) {
  const { t } = useTranslation("lifecycle");
  if (list.length === 0) return null;
  return (
    <section
      aria-label={t("uploads")}
      role="status"
      className="flex max-h-32 items-start gap-2 overflow-y-auto rounded-md border border-line px-3 py-1.5"
    >
      <ul className="min-w-0 grow">
        {list.map((one, index) => {
          const Icon = one.refused ? CircleX : Check;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may come twice, the list only grows
            <li key={index} className="flex min-w-0 items-start gap-1.5">
              <Icon
                size={14}
                aria-hidden
                className={`mt-0.5 shrink-0 ${one.refused ? "text-danger" : "text-good"}`}
              />
              <span className="min-w-0 [overflow-wrap:anywhere]">
                <bdi dir="auto">{one.name}</bdi>
                {": "}
                {one.refused
                  ? t(`upload.${one.refused}`, { size: size(MOST_UPLOADED), why: one.why ?? "" })
                  : t("uploaded", { path: join(root, folder) })}
              </span>
            </li>
          );
        })}
      </ul>
      <IconButton label={t("uploads_close")} onClick={onClose}>
        <X size={15} aria-hidden />
      </IconButton>
    </section>
  );
}
