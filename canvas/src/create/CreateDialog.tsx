import { Suspense, useState } from "react";
import type { Connection } from "../api/types";
import { later } from "../kit/later";
import { useView } from "../store/view";
import { show } from "./created";

const Connect = later(() => import("./Connect").then((part) => part.Connect));
const CreateForm = later(() => import("./CreateForm").then((part) => part.CreateForm));

export interface Made {
  id: string;
  name: string;
  connection: Connection;
}

/** Makes a workspace. An external one stays until its agent has what it needs to connect. */
export function CreateDialog() {
  const creating = useView((view) => view.creating);
  // The token is here and nowhere else; it goes when this closes.
  const [made, setMade] = useState<Made | null>(null);
  const close = () => {
    setMade(null);
    useView.getState().set({ creating: null });
  };
  if (made) {
    return (
      <Suspense fallback={null}>
        <Connect
          made={made}
          onClose={() => {
            close();
            void show(made.id);
          }}
        />
      </Suspense>
    );
  }
  if (!creating) return null;
  return (
    <Suspense fallback={null}>
      <CreateForm
        start={creating}
        onClose={close}
        onMade={(id, name, connection) => {
          if (connection) {
            useView.getState().select([id]);
            setMade({ id, name, connection });
          } else {
            close();
            void show(id);
          }
        }}
      />
    </Suspense>
  );
}
