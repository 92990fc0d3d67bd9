// The task that a Trainer takes when none is given: the one that fits the model's head. Lies here, so that
// training itself knows no task; later tasks are further lines of the table.
import { AthanorError } from "../errors.js";
import type { Task, TrainableModel } from "../training/task.js";
import { maskedLanguageModeling } from "./masked-language-modeling.js";
import { multipleChoice } from "./multiple-choice.js";
import { preTraining } from "./pre-training.js";
import { questionAnswering } from "./question-answering.js";
import { textClassification } from "./text-classification.js";
import { tokenClassification } from "./token-classification.js";

const TASKS: [head: string, make: () => Task][] = [
  ["ForSequenceClassification", textClassification],
  ["ForMaskedLM", maskedLanguageModeling],
  ["ForPreTraining", preTraining],
  ["ForTokenClassification", tokenClassification as () => Task],
  ["ForMultipleChoice", multipleChoice as () => Task],
  ["ForQuestionAnswering", questionAnswering as () => Task],
];

/** @throws ERR_ARGUMENT when no task is known for the model's architecture */
export function defaultTask(model: TrainableModel): Task {
  const [architecture = ""] = (model.config.architectures as string[] | undefined) ?? [];
  const found = TASKS.find(([head]) => String(architecture).endsWith(head));
  if (found) return found[1]();
  const known = TASKS.map(([head]) => head).join(", ");
  const came = architecture || "no architecture";
  throw new AthanorError(
    "ERR_ARGUMENT",
    `Trainer: task must be given for models other than ${known}, got ${came}`,
  );
}
