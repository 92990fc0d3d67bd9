// A weighted sum of layers with learned weights: the scalar mix of ELMo (Peters et al. 2018, "Deep contextualized word
// representations", section 3.1, equation 1), as allennlp.modules.ScalarMix has it without layer norm.
import { AthanorError } from "../errors.js";
import { mul } from "../tensor/ops/elementwise.js";
import { matmul } from "../tensor/ops/linear.js";
import { softmax } from "../tensor/ops/reduce.js";
import { concat } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { ones, type Parameter, type ParameterStore, zeros } from "./parameter.js";

/** gamma Σ softmax(s)_l h_l: NAME.scalar_parameters (L), NAME.gamma (1). Starts as the plain mean of the layers. */
export class ScalarMix {
  readonly scalars: Parameter;
  readonly gamma: Parameter;

  /** @throws ERR_ARGUMENT for fewer layers than one */
  constructor(
    store: ParameterStore,
    name: string,
    readonly layers: number,
  ) {
    if (!Number.isInteger(layers) || layers < 1) {
      throw new AthanorError("ERR_ARGUMENT", `ScalarMix: layers must be an integer from 1, got ${layers}`);
    }
    this.scalars = store.declare(`${name}.scalar_parameters`, [layers], zeros);
    this.gamma = store.declare(`${name}.gamma`, [1], ones);
  }

  /**
   * The weights that the layers have now, gamma left out.
   *
   * @returns (1, L)
   */
  weights(): Tensor {
    return softmax(this.scalars.tensor.reshape([1, this.layers]));
  }

  /**
   * @param hidden L tensors (N, C)
   * @returns (N, C)
   * @throws ERR_ARGUMENT for another number of them
   */
  forward(hidden: readonly Tensor[]): Tensor {
    if (hidden.length !== this.layers) {
      throw new AthanorError("ERR_ARGUMENT", `ScalarMix: needs ${this.layers} layers, got ${hidden.length}`);
    }
    const [first] = hidden;
    const stacked = concat(hidden.map((h) => h.reshape([1, h.size]))); // (L, N C)
    const mixed = matmul(this.weights(), stacked).reshape(first.shape); // (N, C)
    return mul(mixed, this.gamma.tensor);
  }
}
