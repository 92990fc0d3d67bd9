// AdamW: Adam with weight decay beside the gradients.
import { AthanorError } from "../../errors.js";
import { adamw } from "../../tensor/ops/optimizer.js";
import type { Tensor } from "../../tensor/tensor.js";
import { checkedOption, Optimizer, type OptimizerOptions, type UpdateContext } from "./optimizer.js";
import type { NamedParameters, OptimizedParameter, ParameterGroup } from "./parameter-groups.js";

export interface AdamWOptions extends OptimizerOptions {
  /** Each from 0 to below 1; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  eps?: number;
}

/**
 * AdamW (Loshchilov and Hutter 2019), with the results of torch.optim.AdamW. State: NAME.exp_avg,
 * NAME.exp_avg_sq.
 *
 * @example
 * const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
 * loss.backward();
 * optimizer.step({ maxGradNorm: 1 });
 * optimizer.zeroGrad();
 */
export class AdamW extends Optimizer {
  protected readonly stateNames = ["exp_avg", "exp_avg_sq"];
  readonly #betas: readonly [number, number];
  readonly #eps: number;

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: AdamWOptions) {
    super("AdamW", parameters, options);
    const { betas = [0.9, 0.999], eps = 1e-8 } = options;
    if (betas.length !== 2 || betas.some((beta) => !(beta >= 0 && beta < 1))) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `AdamW: betas must be two numbers from 0 to below 1, got ${String(betas)}`,
      );
    }
    this.#betas = [betas[0], betas[1]];
    this.#eps = checkedOption("AdamW", "eps", eps);
  }

  protected update(list: readonly OptimizedParameter[], { step, gradients }: UpdateContext): Tensor {
    const slots = list.map((parameter) => {
      const { exp_avg: m, exp_avg_sq: v } = this.states.get(parameter.name)!;
      return { ...this.slot(parameter), m, v };
    });
    const [beta1, beta2] = this.#betas;
    return adamw(slots, { beta1, beta2, eps: this.#eps, step, ...gradients });
  }
}
