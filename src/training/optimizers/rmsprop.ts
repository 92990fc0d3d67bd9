// RMSProp: learning rates by a running mean of the gradients' squares.
import { rmsprop } from "../../tensor/ops/optimizer.js";
import type { Tensor } from "../../tensor/tensor.js";
import { checkedOption, Optimizer, type OptimizerOptions, type UpdateContext } from "./optimizer.js";
import type { NamedParameters, OptimizedParameter, ParameterGroup } from "./parameter-groups.js";

export interface RmsPropOptions extends OptimizerOptions {
  /** Share of the running mean that stays, from 0 to below 1; default 0.99. */
  alpha?: number;
  /** Default 1e-8. */
  eps?: number;
  /** Default 0. */
  momentum?: number;
  /** Divides by the gradients' deviation from their mean instead of their size; default false. */
  centered?: boolean;
}

/**
 * RMSProp (Tieleman and Hinton 2012), with the results of torch.optim.RMSprop. State: NAME.square_avg, with momentum
 * NAME.momentum_buffer, centered NAME.grad_avg.
 *
 * @example
 * const optimizer = new RmsProp(model.parameters(), { lr: 1e-3, momentum: 0.9 });
 */
export class RmsProp extends Optimizer {
  protected readonly stateNames: readonly string[];
  readonly #options: { alpha: number; eps: number; momentum: number; centered: boolean };

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: RmsPropOptions) {
    super("RmsProp", parameters, options);
    const { centered = false } = options;
    const alpha = checkedOption("RmsProp", "alpha", options.alpha ?? 0.99, 1);
    const eps = checkedOption("RmsProp", "eps", options.eps ?? 1e-8);
    const momentum = checkedOption("RmsProp", "momentum", options.momentum ?? 0);
    this.#options = { alpha, eps, momentum, centered };
    const more = [momentum === 0 ? [] : ["momentum_buffer"], centered ? ["grad_avg"] : []];
    this.stateNames = ["square_avg", ...more.flat()];
  }

  protected update(list: readonly OptimizedParameter[], { gradients }: UpdateContext): Tensor {
    const slots = list.map((parameter) => {
      const state = this.states.get(parameter.name)!;
      const { square_avg: square, momentum_buffer: buffer, grad_avg: mean } = state;
      return { ...this.slot(parameter), square, buffer, mean };
    });
    return rmsprop(slots, { ...this.#options, ...gradients });
  }
}
