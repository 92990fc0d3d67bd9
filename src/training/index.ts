// Training: optimizers, schedules and the Trainer.

export type { TrainingArgs } from "./args.js";
export {
  defaultCollator,
  type LabelledRectangle,
  type PaddingCollatorOptions,
  paddingCollator,
} from "./collators/default.js";
export {
  type LanguageModelingCollator,
  type LanguageModelingOptions,
  languageModelingCollator,
  type MaskableExample,
  type MaskingTokens,
} from "./collators/language-modeling.js";
export {
  type ChoiceRectangle,
  type MultipleChoiceCollatorOptions,
  multipleChoiceCollator,
} from "./collators/multiple-choice.js";
export type { PaddingTokens, Rectangle, RectangleOptions } from "./collators/rectangle.js";
export {
  type TokenClassificationCollatorOptions,
  tokenClassificationCollator,
} from "./collators/token-classification.js";
export type { BestEvaluation, TrainEvent, TrainResult } from "./events.js";
export { AdamW, type AdamWOptions, Sgd, type SgdOptions } from "./optimizer.js";
export type { NamedParameters, ParameterGroup } from "./parameter-groups.js";
export { Random, type RandomPlace } from "./random.js";
export { type Schedule, type ScheduleName, schedules } from "./schedule.js";
export type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "./task.js";
export { Trainer, type TrainerOptions } from "./trainer.js";
