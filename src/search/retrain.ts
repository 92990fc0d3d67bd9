// The best parameters of a search once more: to keep the model.
import type { TrainingArgs } from "../training/args.js";
import type { TrainResult } from "../training/events.js";
import { argsOf, disposeModel, type SearchTarget, type SearchTrainer, trialSeed } from "./run-trial.js";
import { searchFault } from "./space.js";
import type { Trial } from "./trial.js";

export interface RetrainOptions {
  /** Arguments beside the trial's, such as an outputFolder; they win. */
  args?: TrainingArgs;
  /** That of the search, for functions that use their trial's seed; default 0. */
  seed?: number;
  signal?: AbortSignal;
}

/**
 * Trains with a trial's parameters. With the same arguments the weights are those that the trial had, to the bit. The
 * model belongs to the caller; that of a run which fails is freed.
 *
 * Rejects with ERR_ARGUMENT for a function that gives no Trainer, and as the Trainer does.
 *
 * @example
 * const { trainer } = await retrain(trainer, best, { args: { outputFolder: "best", loadBestAtEnd: true } });
 */
export async function retrain(
  target: SearchTarget,
  { number, parameters }: Pick<Trial, "number" | "parameters">,
  { args = {}, seed = 0, signal }: RetrainOptions = {},
): Promise<{ trainer: SearchTrainer; result: TrainResult }> {
  const trainer = await trainerFor(target);
  try {
    return { trainer, result: await trainer.train(signal && { signal }) };
  } catch (error) {
    disposeModel(trainer);
    throw error;
  }

  async function trainerFor(wanted: SearchTarget): Promise<SearchTrainer> {
    if (typeof wanted !== "function") return wanted.withArgs({ ...argsOf(parameters), ...args });
    const context = { number, seed: trialSeed(seed, number), ...(signal && { signal }) };
    const made = await wanted(parameters, { ...context, report: async () => true });
    if (typeof made?.valueOf() === "number" || typeof (made as SearchTrainer)?.train !== "function") {
      throw searchFault("target", "a function that gives a Trainer, to train again", typeof made);
    }
    const trainer = made as SearchTrainer;
    return Object.keys(args).length > 0 ? trainer.withArgs(args) : trainer;
  }
}
