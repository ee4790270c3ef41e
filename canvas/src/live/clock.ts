/** The server's clock, as told by its events: what is written here lies among what is read there. */

import { onEvent } from "./follow";

let ahead = 0;

onEvent((event) => {
  const told = Date.parse(event.timestamp);
  if (!Number.isNaN(told)) ahead = told - Date.now();
});

/** About now by the server's clock, in milliseconds of Unix time. */
export const serverNow = () => Date.now() + ahead;
