// The search for hyper-parameters.

export { parameterImportance } from "./importance.js";
export { type JournalContents, readJournal } from "./journal.js";
export type { MedianPrunerOptions, PrunerName } from "./pruner.js";
export { type RetrainOptions, retrain } from "./retrain.js";
export type { SearchFunction, SearchTarget, SearchTrainer, TrialContext } from "./run-trial.js";
export type { SamplerName } from "./samplers.js";
export { type SearchEvent, type SearchOptions, type SearchResult, search } from "./search.js";
export type {
  ChoiceParameter,
  IntegerParameter,
  LogUniformParameter,
  Parameters,
  ParameterValue,
  SearchParameter,
  SearchSpace,
  UniformParameter,
} from "./space.js";
export { trialTable } from "./table.js";
export type { TpeOptions } from "./tpe.js";
export type { Direction, Evaluation, Trial } from "./trial.js";
