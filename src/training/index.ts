// Training: optimizers, schedules and the Trainer.
export type { TrainingArgs } from "./args.js";
export type { BestEvaluation, TrainEvent, TrainResult } from "./events.js";
export { AdamW, type AdamWOptions, Sgd, type SgdOptions } from "./optimizer.js";
export type { NamedParameters, ParameterGroup } from "./parameter-groups.js";
export { Random, type RandomPlace } from "./random.js";
export { type Schedule, type ScheduleName, schedules } from "./schedule.js";
export type { DataRow, OutputValues, PrepareContext, Task, TrainableModel } from "./task.js";
export { Trainer, type TrainerOptions } from "./trainer.js";
