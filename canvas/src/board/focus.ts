/** Which workspace the keys speak to. The board is one tab stop; this is where it stands inside. */

import { create } from "zustand";

export const useFocus = create<{ id: string | null }>(() => ({ id: null }));

export const focusOn = (id: string | null) => useFocus.setState({ id });

/** The board's own element; nothing inside it takes the focus for long. */
export const boardElement = () => document.querySelector<HTMLElement>('[data-testid="board"]');

/** Gives the focus back to the board after a menu or a field. */
export const refocus = () => boardElement()?.focus({ preventScroll: true });

/** The face of a workspace, when one is drawn. */
export const faceOf = (id: string) =>
  boardElement()?.querySelector(`[data-workspace="${CSS.escape(id)}"]`) ?? null;
