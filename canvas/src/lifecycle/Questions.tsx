/** The dialogs of this area; loaded with the first of them. */

import { lazy, Suspense } from "react";
import { useQuestion } from "./state";

const Asked = lazy(() => import("./Asked"));

export function Questions() {
  const question = useQuestion((state) => state.question);
  if (question === null) return null;
  return (
    <Suspense fallback={null}>
      <Asked question={question} />
    </Suspense>
  );
}
