// The optimizers that a Trainer knows by name.
import { AthanorError } from "../../errors.js";
import { Adagrad, type AdagradOptions } from "./adagrad.js";
import { AdamW, type AdamWOptions } from "./adamw.js";
import type { Optimizer, OptimizerOptions } from "./optimizer.js";
import type { NamedParameters, ParameterGroup } from "./parameter-groups.js";
import { RmsProp, type RmsPropOptions } from "./rmsprop.js";
import { Sgd, type SgdOptions } from "./sgd.js";

/** What each optimizer has beside learning rate and weight decay. */
export interface OptimizerChoices {
  adamw: Omit<AdamWOptions, keyof OptimizerOptions>;
  sgd: Omit<SgdOptions, keyof OptimizerOptions>;
  adagrad: Omit<AdagradOptions, keyof OptimizerOptions>;
  rmsprop: Omit<RmsPropOptions, keyof OptimizerOptions>;
}

export type OptimizerName = keyof OptimizerChoices;

interface Choice {
  make: new (parameters: NamedParameters | readonly ParameterGroup[], options: OptimizerOptions) => Optimizer;
  options: readonly string[];
}

const choices: Record<OptimizerName, Choice> = {
  adamw: { make: AdamW, options: ["betas", "eps"] },
  sgd: { make: Sgd, options: ["momentum", "dampening", "nesterov"] },
  adagrad: { make: Adagrad, options: ["lrDecay", "initialAccumulatorValue", "eps"] },
  rmsprop: { make: RmsProp, options: ["alpha", "eps", "momentum", "centered"] },
};

export const optimizerNames = Object.keys(choices) as OptimizerName[];

/** Fails for an option that the optimizer does not have. @throws ERR_ARGUMENT */
export function checkOptimizerOptions(name: OptimizerName, options: object): void {
  const known = choices[name].options;
  const odd = Object.keys(options).find((key) => !known.includes(key));
  if (odd === undefined) return;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `Trainer: optimizerOptions must be made of ${known.join(", ")} for ${name}, got ${odd}`,
  );
}

/** @throws ERR_ARGUMENT for options out of range */
export function makeOptimizer(
  name: OptimizerName,
  parameters: NamedParameters | readonly ParameterGroup[],
  options: OptimizerOptions,
): Optimizer {
  return new choices[name].make(parameters, options);
}
