/** The chart as tests see it. */

/** The node of a workspace, in a status if one is given. */
export function node(page, id, status) {
  const state = status ? `[data-status="${status}"]` : "";
  return page.locator(`[data-testid="node"][data-workspace="${id}"]${state}`);
}

/** Drags a node by its face so that the pointer ends at a point of the window. */
export async function drag(page, from, to) {
  const box = await from.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 50);
  await page.mouse.down();
  // In steps: a drag begins only after some movement.
  await page.mouse.move(to.x, to.y, { steps: 12 });
  await page.mouse.up();
}

export async function middle(locator) {
  const box = await locator.boundingBox();
  return { x: box.x + box.width / 2, y: box.y + 58 };
}

/** Chooses an entry of the main menu. */
export async function menu(page, entry) {
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}
