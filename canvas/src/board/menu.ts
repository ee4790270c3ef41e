/** The one menu of the board: faces come and go by hundreds and have none of their own. */

import { create } from "zustand";

interface MenuState {
  open: { id: string; at: { x: number; y: number } } | null;
}

export const useMenu = create<MenuState>(() => ({ open: null }));

/** Opens the menu of a workspace at a point of the window. */
export function openMenu(id: string, at: { x: number; y: number }): void {
  useMenu.setState({ open: { id, at } });
}

export function closeMenu(): void {
  useMenu.setState({ open: null });
}

/** Opens the menu of a workspace below an element. */
export function openMenuBelow(id: string, element: Element): void {
  const { left, bottom } = element.getBoundingClientRect();
  openMenu(id, { x: left, y: bottom });
}
