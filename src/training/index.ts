// Training: optimizers, schedules and the Trainer.

export { Random, type RandomPlace } from "../tensor/random-stream.js";
export type { Every, GroupRule, ScheduleOptions, TrainingArgs } from "./args.js";
export type { Outcome, RunContext, TrainerCallback } from "./callbacks/callback.js";
export type { CallbackOption } from "./callbacks/callback-list.js";
export { type EarlyStoppingOptions, earlyStopping } from "./callbacks/early-stopping.js";
export { type ProgressBarOptions, progressBar } from "./callbacks/progress-bar.js";
export type { RunManifest } from "./callbacks/run-manifest.js";
export { tensorBoard } from "./callbacks/tensorboard.js";
export { csvLog, jsonlLog, type TextLogOptions } from "./callbacks/text-logs.js";
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
export {
  type SequenceToSequencePadding,
  sequenceToSequenceCollator,
} from "./collators/sequence-to-sequence.js";
export { tokenClassificationCollator } from "./collators/token-classification.js";
export type { BestEvaluation, TrainEvent, TrainResult } from "./events.js";
export { type LayerwiseDecayOptions, layerwiseDecay } from "./layerwise-decay.js";
export { Adagrad, type AdagradOptions } from "./optimizers/adagrad.js";
export { AdamW, type AdamWOptions } from "./optimizers/adamw.js";
export type { OptimizerChoices, OptimizerName } from "./optimizers/by-name.js";
export type { Optimizer, OptimizerOptions, StepOptions, StepResult } from "./optimizers/optimizer.js";
export type { NamedParameters, ParameterGroup } from "./optimizers/parameter-groups.js";
export { RmsProp, type RmsPropOptions } from "./optimizers/rmsprop.js";
export { Sgd, type SgdOptions } from "./optimizers/sgd.js";
export { type Schedule, type ScheduleName, schedules } from "./schedule.js";
export type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "./task.js";
export { Trainer, type TrainerOptions } from "./trainer.js";
