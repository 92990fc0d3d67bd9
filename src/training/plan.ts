// The plan of a run: which examples make each step of each epoch, and how many steps there are.
import { AthanorError } from "../errors.js";
import type { ResolvedArgs } from "./args.js";
import { type BatchRows, epochBatches, stepGroups } from "./batches.js";
import { turn } from "./rest.js";

export class Plan {
  readonly #lengths: Int32Array;
  readonly #args: ResolvedArgs;
  #last: { epoch: number; groups: BatchRows[][] } | undefined;

  private constructor(
    lengths: Int32Array,
    args: ResolvedArgs,
    /** Optimizer steps of the whole run. */
    readonly totalSteps: number,
  ) {
    this.#lengths = lengths;
    this.#args = args;
  }

  /** @param lengths tokens of each example; there must be one at least */
  static async make(lengths: Int32Array, args: ResolvedArgs, signal?: AbortSignal): Promise<Plan> {
    if (lengths.length === 0)
      throw new AthanorError(
        "ERR_DATA",
        "Trainer: train must have at least one row that makes an example, got none: the task left all rows out",
      );
    const { maxSteps, epochs, dropLast, batchSize = 1 } = args;
    if (dropLast && lengths.length < batchSize) {
      throw new AthanorError(
        "ERR_DATA",
        `Trainer: train must have at least ${batchSize} rows, which make a batch, for dropLast, got ${lengths.length}`,
      );
    }
    if (maxSteps !== undefined) return new Plan(lengths, args, maxSteps);
    const counted = new Plan(lengths, args, 0);
    let steps = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      // Batches by tokens differ in number from epoch to epoch; by rows they do not.
      const count = args.batchSize === undefined || epoch === 0 ? counted.epoch(epoch).length : steps / epoch;
      steps += epochs - epoch >= 1 ? count : Math.ceil(count * (epochs - epoch));
      if (args.batchSize === undefined) await turn(signal);
    }
    return new Plan(lengths, args, steps);
  }

  /** The steps of an epoch (from 0), each a group of batches. */
  epoch(epoch: number): BatchRows[][] {
    if (this.#last?.epoch !== epoch) {
      const { batchSize, tokensPerBatch, groupByLength, shuffle, dropLast, seed } = this.#args;
      const { gradientAccumulation } = this.#args;
      const options = { batchSize, tokensPerBatch, groupByLength, shuffled: shuffle, dropLast };
      const batches = epochBatches(this.#lengths, options, seed, epoch);
      this.#last = { epoch, groups: stepGroups(batches, gradientAccumulation) };
    }
    return this.#last.groups;
  }
}
