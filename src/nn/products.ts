// Products with weights as generative models store them: without a bias, several side by side, or the other way round.
import { add } from "../tensor/ops/elementwise.js";
import { type Activation, linear } from "../tensor/ops/linear.js";
import { concat, split } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { activated } from "./activation.js";
import { type Init, type PackedParameter, type Parameter, type ParameterStore, zeros } from "./parameter.js";
import type { LinearPlace } from "./places.js";

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
  readonly #places: LinearPlace[];

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
    this.#places = names.map((name, i) => store.places.addLinear(name, this.#weight.parts[i]));
  }

  forward(x: Tensor, options: ProductOptions = {}): Tensor {
    const { tensor, scale } = this.#weight;
    const bias = this.#bias?.tensor;
    if (!this.#places.some(({ addition }) => addition)) {
      return linear(x, tensor, bias, { ...options, weightScale: scale });
    }
    const parts = split(linear(x, tensor, bias, { weightScale: scale }), this.#places.length);
    const added = parts.map((part, i) => this.#places[i].complete(x, part));
    return finished(added.length === 1 ? added[0] : concat(added, 1), options);
  }
}

/** GPT-2's Conv1D: x W + b with NAME.weight (in, out), NAME.bias (out). */
export class Conv1d implements Product {
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #place: LinearPlace;

  constructor(store: ParameterStore, name: string, inSize: number, outSize: number, init: Init) {
    this.#weight = store.declare(`${name}.weight`, [inSize, outSize], init, true);
    this.#weight.layout = "in_out";
    this.#bias = store.declare(`${name}.bias`, [outSize], zeros);
    this.#place = store.places.addLinear(name, this.#weight, true);
  }

  forward(x: Tensor, options: ProductOptions = {}): Tensor {
    const { tensor, layout, scale } = this.#weight;
    const stored = { weightLayout: layout, weightScale: scale };
    if (!this.#place.addition) return linear(x, tensor, this.#bias.tensor, { ...options, ...stored });
    return finished(this.#place.complete(x, linear(x, tensor, this.#bias.tensor, stored)), options);
  }
}

/** What a product does last, where something was added to it before: act(y) + residual. */
function finished(y: Tensor, { activation = "none", residual }: ProductOptions): Tensor {
  const active = activated(y, activation);
  return residual ? add(active, residual) : active;
}
