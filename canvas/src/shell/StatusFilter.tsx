import { Filter } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useTranslation } from "react-i18next";
import { STATUSES } from "../api/types";
import { Button } from "../kit";
import { LOOK } from "../kit/status";
import { useView } from "../store/view";

const SHOWN = STATUSES.filter((status) => status !== "removed" && status !== "hibernating");

export function StatusFilter() {
  const { t } = useTranslation();
  const { statuses, set } = useView();
  const toggle = (status: (typeof STATUSES)[number]) => {
    const next = new Set(statuses);
    if (!next.delete(status)) next.add(status);
    set({ statuses: next });
  };
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <Button look={statuses.size > 0 ? "primary" : "plain"} aria-label={t("filter_status")}>
          <Filter size={15} aria-hidden />
          {statuses.size > 0 ? statuses.size : null}
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="start"
          sideOffset={4}
          className="z-50 min-w-48 rounded-lg border border-line bg-surface p-1 shadow-xl"
        >
          {SHOWN.map((status) => {
            const { icon: Icon, ink } = LOOK[status];
            return (
              <DropdownMenu.CheckboxItem
                key={status}
                checked={statuses.has(status)}
                onCheckedChange={() => toggle(status)}
                onSelect={(event) => event.preventDefault()}
                className="flex cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 outline-none data-[highlighted]:bg-accent-soft"
              >
                <Icon size={14} aria-hidden className={ink} />
                <span className="grow">{t(`status.${status}`)}</span>
                <DropdownMenu.ItemIndicator>✓</DropdownMenu.ItemIndicator>
              </DropdownMenu.CheckboxItem>
            );
          })}
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <DropdownMenu.Item
            onSelect={() => set({ statuses: new Set() })}
            className="cursor-pointer rounded-md px-2 py-1.5 outline-none data-[highlighted]:bg-accent-soft"
          >
            {t("clear_filter")}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
