/** The chart as tests see it. */

import { until } from "./browser.js";

/** The node of a workspace, in a status if one is given. */
export function node(page, id, status) {
  const state = status ? `[data-status="${status}"]` : "";
  return page.locator(`[data-testid="node"][data-workspace="${id}"]${state}`);
}

/** Where something lies, once it has stopped moving. */
async function settled(locator) {
  let last = "";
  return until("it lies still", async () => {
    const box = await locator.boundingBox();
    const same = box !== null && JSON.stringify(box) === last;
    last = JSON.stringify(box);
    return same ? box : null;
  });
}

/** Drags a node by its face so that the pointer ends at a point of the window. */
export async function drag(page, from, to) {
  const box = await settled(from);
  await page.mouse.move(box.x + box.width / 2, box.y + 50);
  await page.mouse.down();
  // In steps: a drag begins only after some movement.
  await page.mouse.move(to.x, to.y, { steps: 12 });
  await page.mouse.up();
}

export async function middle(locator) {
  const box = await settled(locator);
  return { x: box.x + box.width / 2, y: box.y + 58 };
}

/** Chooses an entry of the main menu. */
export async function menu(page, entry) {
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}
