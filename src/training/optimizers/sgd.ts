// Stochastic gradient descent.
import { AthanorError } from "../../errors.js";
import { sgd } from "../../tensor/ops/optimizer.js";
import type { Tensor } from "../../tensor/tensor.js";
import { checkedOption, Optimizer, type OptimizerOptions, type UpdateContext } from "./optimizer.js";
import type { NamedParameters, OptimizedParameter, ParameterGroup } from "./parameter-groups.js";

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  momentum?: number;
  /** Default 0. */
  dampening?: number;
  /** Default false. */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent, with the results of torch.optim.SGD. State, with momentum:
 * NAME.momentum_buffer.
 *
 * @example
 * const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
 */
export class Sgd extends Optimizer {
  protected readonly stateNames: readonly string[];
  readonly #options: { momentum: number; dampening: number; nesterov: boolean };

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: SgdOptions) {
    super("Sgd", parameters, options);
    const { nesterov = false } = options;
    const momentum = checkedOption("Sgd", "momentum", options.momentum ?? 0);
    const dampening = checkedOption("Sgd", "dampening", options.dampening ?? 0);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new AthanorError("ERR_ARGUMENT", "Sgd: nesterov must come with a momentum and without dampening");
    }
    this.#options = { momentum, dampening, nesterov };
    this.stateNames = momentum === 0 ? [] : ["momentum_buffer"];
  }

  protected update(list: readonly OptimizedParameter[], { started, gradients }: UpdateContext): Tensor {
    const slots = list.map((parameter) => ({
      ...this.slot(parameter),
      buffer: this.states.get(parameter.name)?.momentum_buffer,
      first: started.has(parameter.name),
    }));
    return sgd(slots, { ...this.#options, ...gradients });
  }
}
