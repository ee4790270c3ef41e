/** The folders of a root that are open, read when they are opened. */

import { useCallback, useEffect, useState } from "react";
import { type Entry, listFiles, type Root } from "../../api/files";
import { sorted } from "./paths";

export interface Folder {
  entries?: readonly Entry[];
  error?: unknown;
}

export interface Folders {
  /** By path; the root's is empty. */
  open: Readonly<Record<string, Folder>>;
  toggle(path: string): void;
  /** Reads a folder anew; opens it when it was not. */
  read(path: string): Promise<void>;
}

/** Begins anew with every root. */
export function useFolders(id: string, root: Root): Folders {
  const [open, setOpen] = useState<Readonly<Record<string, Folder>>>({ "": {} });
  const read = useCallback(
    async (path: string) => {
      let folder: Folder;
      try {
        folder = { entries: sorted(await listFiles(id, root, path)) };
      } catch (error) {
        folder = { error };
      }
      setOpen((was) => ({ ...was, [path]: folder }));
    },
    [id, root],
  );
  useEffect(() => void read(""), [read]);
  const toggle = (path: string) => {
    if (open[path] === undefined) {
      setOpen((was) => ({ ...was, [path]: {} }));
      void read(path);
      return;
    }
    setOpen((was) =>
      Object.fromEntries(
        Object.entries(was).filter(([key]) => key !== path && !key.startsWith(`${path}/`)),
      ),
    );
  };
  return { open, toggle, read };
}
