import { BundleDialog } from "./bundle/BundleDialog";
import { Dissolve } from "./Dissolve";
import { Grow } from "./Grow";
import { Many } from "./Many";
import type { Question } from "./state";
import { OrganisationDialog } from "./templates/OrganisationDialog";
import { TemplateDialog } from "./templates/TemplateDialog";
import "./texts";

export default function Asked({ question }: { question: Question }) {
  switch (question.kind) {
    case "many":
      return <Many key={question.ids.join()} {...question} />;
    case "grow":
      return <Grow key={question.id} id={question.id} />;
    case "dissolve":
      return <Dissolve key={question.id} id={question.id} />;
    case "bundle":
      return <BundleDialog {...question} />;
    case "organisation":
      return <OrganisationDialog />;
    case "template":
      return <TemplateDialog />;
  }
}
