// Early stopping: no better evaluation for a while.
import { AthanorError } from "../../errors.js";
import { checkedInteger, checkedNumber } from "../checks.js";
import { isGreaterBetter } from "../events.js";
import type { TrainerCallback } from "./callback.js";

export interface EarlyStoppingOptions {
  /** Ends the run after so many evaluations in a row without improvement; default 1. */
  patience?: number;
  /** An improvement is more than this; default 0. */
  threshold?: number;
  /** Default: that of the run's `metric`. */
  metric?: string;
  /** Default: that of the run, or by the name of the metric. */
  greaterIsBetter?: boolean;
}

/**
 * Ends a run when evaluations stop getting better; transformers.EarlyStoppingCallback. Its count is kept in checkpoints.
 *
 * @throws ERR_ARGUMENT; when the run evaluates, for a metric that is not there
 * @example
 * new Trainer({ ...parts, callbacks: [earlyStopping({ patience: 3 })], args: { loadBestAtEnd: true, outputFolder } });
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): TrainerCallback {
  const patience = checkedInteger("patience", options.patience ?? 1, 1);
  const threshold = checkedNumber("threshold", options.threshold ?? 0, 0, Number.MAX_VALUE);
  let best: number | undefined;
  let waited = 0;
  return {
    name: "earlyStopping",
    onTrainBegin({ args, firstStep }) {
      if (firstStep === 0) [best, waited] = [undefined, 0];
      if (args.evalEvery === "no") {
        throw new AthanorError("ERR_ARGUMENT", 'earlyStopping: evalEvery must be other than "no", got "no"');
      }
    },
    onEvaluate({ metrics = {}, step }, { args, stop }) {
      const { metric = args.metric } = options;
      const ofRun = metric === args.metric ? args.greaterIsBetter : isGreaterBetter(metric);
      const { greaterIsBetter = ofRun } = options;
      const value = metrics[metric];
      if (value === undefined) {
        const known = Object.keys(metrics).join(", ");
        throw new AthanorError(
          "ERR_ARGUMENT",
          `earlyStopping: metric must be one of ${known}, got ${metric}`,
        );
      }
      const gain =
        best === undefined ? Number.POSITIVE_INFINITY : (value - best) * (greaterIsBetter ? 1 : -1);
      // A gain below the threshold counts as none, but the next one is measured from there, as in Transformers.
      waited = gain > 0 && gain > threshold ? 0 : waited + 1;
      if (gain > 0) best = value;
      if (waited >= patience)
        stop(`${metric} has not improved on ${best} for ${waited} evaluations, at step ${step}`);
    },
    state: () => ({ best, waited }),
    restore(state) {
      ({ best, waited } = state as { best: number | undefined; waited: number });
    },
  };
}
