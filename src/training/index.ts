// Training: optimizers, schedules and the Trainer.

export type { TrainingArgs } from "./args.js";
export type { Collated, CollatedArray, Collator, PaddingOptions } from "./collators/collated.js";
export { defaultCollator, paddingCollator } from "./collators/default.js";
export {
  type LanguageModelingCollator,
  type LanguageModelingOptions,
  languageModelingCollator,
  type MaskableExample,
  type MaskingTokens,
} from "./collators/language-modeling.js";
export { multipleChoiceCollator } from "./collators/multiple-choice.js";
export { tokenClassificationCollator } from "./collators/token-classification.js";
export type { BestEvaluation, TrainEvent, TrainResult } from "./events.js";
export { AdamW, type AdamWOptions, Sgd, type SgdOptions } from "./optimizer.js";
export type { NamedParameters, ParameterGroup } from "./parameter-groups.js";
export { Random, type RandomPlace } from "./random.js";
export { type Schedule, type ScheduleName, schedules } from "./schedule.js";
export type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "./task.js";
export { Trainer, type TrainerOptions } from "./trainer.js";
