// Adagrad: learning rates by the squares of all gradients so far.
import { getEngine } from "../../native/load.js";
import { adagrad } from "../../tensor/ops/optimizer.js";
import { handles, type Tensor } from "../../tensor/tensor.js";
import {
  checkedOption,
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type UpdateContext,
} from "./optimizer.js";
import type { NamedParameters, OptimizedParameter, ParameterGroup } from "./parameter-groups.js";

export interface AdagradOptions extends OptimizerOptions {
  /** The learning rate of step t (from 1) is lr / (1 + (t - 1) lrDecay); default 0. */
  lrDecay?: number;
  /** What the sums of squares start with; default 0. */
  initialAccumulatorValue?: number;
  /** Default 1e-10. */
  eps?: number;
}

/**
 * Adagrad (Duchi, Hazan and Singer 2011), with the results of torch.optim.Adagrad. State: NAME.sum.
 *
 * @example
 * const optimizer = new Adagrad(model.parameters(), { lr: 0.01 });
 */
export class Adagrad extends Optimizer {
  protected readonly stateNames = ["sum"];
  readonly #lrDecay: number;
  readonly #initial: number;
  readonly #eps: number;

  /** @throws ERR_ARGUMENT */
  constructor(parameters: NamedParameters | readonly ParameterGroup[], options: AdagradOptions) {
    super("Adagrad", parameters, options);
    const { lrDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options;
    this.#lrDecay = checkedOption("Adagrad", "lrDecay", lrDecay);
    this.#initial = checkedOption("Adagrad", "initialAccumulatorValue", initialAccumulatorValue);
    this.#eps = checkedOption("Adagrad", "eps", eps);
  }

  protected override makeState(parameter: Tensor): OptimizerState {
    const state = super.makeState(parameter);
    if (this.#initial !== 0) getEngine().native.fill(handles.of(state.sum), this.#initial);
    return state;
  }

  protected update(list: readonly OptimizedParameter[], { step, gradients }: UpdateContext): Tensor {
    const decay = 1 + (step - 1) * this.#lrDecay;
    const slots = list.map((parameter) => {
      const slot = this.slot(parameter);
      return { ...slot, lr: slot.lr / decay, sum: this.states.get(parameter.name)!.sum };
    });
    return adagrad(slots, { eps: this.#eps, ...gradients });
  }
}
