// What a run tells its callbacks, and how they stop it.
import type { ResolvedArgs } from "../args.js";
import type { TrainEvent } from "../events.js";
import type { TrainableModel } from "../task.js";

/** What a callback knows of the run, and may do to it. */
export interface RunContext {
  readonly model: TrainableModel;
  readonly args: ResolvedArgs;
  readonly totalSteps: number;
  /** Steps that were made before: more than 0 when the run was resumed. */
  readonly firstStep: number;
  /** Ends the run after this event, as if its last step had been made; no further parameter changes. */
  stop(reason: string): void;
  /** Saves a checkpoint after the step that is under way, whatever `saveEvery` says; needs an outputFolder. */
  save(): void;
}

/** How a run ended. */
export interface Outcome {
  /** "stopped": by a callback; "left": its events were no longer asked for. */
  status: "finished" | "stopped" | "left" | "aborted" | "failed";
  error?: unknown;
}

type Told = (event: TrainEvent, run: RunContext) => void | Promise<void>;

/**
 * Functions that a run calls and awaits, in the order of Transformers' TrainerCallback. What one throws ends the run.
 *
 * @example
 * const patience: TrainerCallback = {
 *   onEvaluate: ({ metrics }, run) => {
 *     if (metrics!.accuracy > 0.95) run.stop("good enough");
 *   },
 * };
 */
export interface TrainerCallback {
  /** Under this name its state is kept; needed for `state`, and only once in a run. */
  readonly name?: string;
  /** Before the first step, and after a resume took place. */
  onTrainBegin?(run: RunContext): void | Promise<void>;
  onStepEnd?: Told;
  onLog?: Told;
  onEvaluate?: Told;
  onSave?: Told;
  onEpochEnd?: Told;
  onTrainEnd?: Told;
  /** Every event, after its own function. */
  onEvent?: Told;
  /** Once, however the run ended; also when it failed before it began. */
  onClose?(outcome: Outcome): void | Promise<void>;
  /** What it must know after a resume, as JSON; asked for at every checkpoint. */
  state?(): unknown;
  /** Gets what state() gave, before onTrainBegin. */
  restore?(state: unknown): void;
}
