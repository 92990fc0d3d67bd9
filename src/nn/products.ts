// Products with weights as generative models store them: without a bias, several side by side, or the other way round.
import { type Activation, linear } from "../tensor/ops/linear.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Init, type PackedParameter, type Parameter, type ParameterStore, zeros } from "./parameter.js";

export interface ProductOptions {
  activation?: Activation;
  /** (T, out), added last. */
  residual?: Tensor;
}

export interface Product {
  /** x (T, in) -> (T, out) */
  forward(x: Tensor, options?: ProductOptions): Tensor;
}

export interface DenseSizes {
  inSize: number;
  /** Of each of the names. */
  outSize: number;
  bias: boolean;
}

/** x Wᵀ (+ b) of one or several NAME.weight (out, in) one below the other, with NAME.bias (out): (T, n out). */
export class Dense implements Product {
  readonly #weight: PackedParameter; // (n out, in)
  readonly #bias: PackedParameter | undefined; // (n out)

  /** @param init of the weights, one for each name or the same for all */
  constructor(
    store: ParameterStore,
    names: readonly string[],
    { inSize, outSize, bias }: DenseSizes,
    init: Init | readonly Init[],
  ) {
    const of = (part: string) => names.map((name) => `${name}.${part}`);
    this.#weight = store.declarePacked(of("weight"), [outSize, inSize], init, true);
    if (bias) this.#bias = store.declarePacked(of("bias"), [outSize], zeros);
  }

  forward(x: Tensor, options: ProductOptions = {}): Tensor {
    const { tensor, scale } = this.#weight;
    return linear(x, tensor, this.#bias?.tensor, { ...options, weightScale: scale });
  }
}

/** GPT-2's Conv1D: x W + b with NAME.weight (in, out), NAME.bias (out). */
export class Conv1d implements Product {
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  constructor(store: ParameterStore, name: string, inSize: number, outSize: number, init: Init) {
    this.#weight = store.declare(`${name}.weight`, [inSize, outSize], init, true);
    this.#weight.layout = "in_out";
    this.#bias = store.declare(`${name}.bias`, [outSize], zeros);
  }

  forward(x: Tensor, options: ProductOptions = {}): Tensor {
    const { tensor, layout, scale } = this.#weight;
    return linear(x, tensor, this.#bias.tensor, { ...options, weightLayout: layout, weightScale: scale });
  }
}
