// The table of tasks. A new task is a row here and a file.
import { AthanorError } from "../errors.js";
import { causalLanguageModelingEntry } from "./entries/causal-language-modeling.js";
import { maskedLanguageModelingEntry } from "./entries/masked-language-modeling.js";
import { multipleChoiceEntry } from "./entries/multiple-choice.js";
import { preTrainingEntry } from "./entries/pre-training.js";
import { questionAnsweringEntry } from "./entries/question-answering.js";
import { sentenceEmbeddingsEntry } from "./entries/sentence-embeddings.js";
import { summarizationEntry } from "./entries/summarization.js";
import { textClassificationEntry } from "./entries/text-classification.js";
import { tokenClassificationEntry } from "./entries/token-classification.js";
import { translationEntry } from "./entries/translation.js";
import type { TaskEntry } from "./entry.js";

/** All tasks, in the order in which to show them. */
export const taskEntries: readonly TaskEntry[] = [
  textClassificationEntry,
  tokenClassificationEntry,
  multipleChoiceEntry,
  questionAnsweringEntry,
  maskedLanguageModelingEntry,
  preTrainingEntry,
  causalLanguageModelingEntry,
  translationEntry,
  summarizationEntry,
  sentenceEmbeddingsEntry,
];

/** The entry of a task. @throws ERR_ARGUMENT for another name */
export function taskEntry(name: string): TaskEntry {
  const found = taskEntries.find((entry) => entry.name === name);
  if (found) return found;
  const known = taskEntries.map((entry) => entry.name).join(", ");
  throw new AthanorError("ERR_ARGUMENT", `tasks: name must be one of ${known}, got ${JSON.stringify(name)}`);
}
