/** Every text a person reads, in one catalogue: one file an area, one folder a language. */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import activity from "./en/activity.json";
import approvals from "./en/approvals.json";
import board from "./en/board.json";
import command from "./en/command.json";
import common from "./en/common.json";
import create from "./en/create.json";
import dialogs from "./en/dialogs.json";
import guide from "./en/guide.json";
import list from "./en/list.json";
import messages from "./en/messages.json";
import pages from "./en/pages.json";
import panel from "./en/panel.json";
import time from "./en/time.json";

const en = {
  activity,
  approvals,
  board,
  command,
  common,
  create,
  dialogs,
  guide,
  list,
  messages,
  pages,
  panel,
  time,
};

export async function initTexts(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    defaultNS: "common",
    resources: { en },
    // React escapes; escaping twice would show entities.
    interpolation: { escapeValue: false },
  });
}

/** Texts that come with their area (`src/lifecycle/texts.ts`). */
type Later = { lifecycle: typeof import("./en/lifecycle.json") };

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: typeof en & Later;
  }
}
