// The norms of generative models: in a pre-norm layer they add the sub-layer before them in the same pass.
import { layerNorm, rmsNorm } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { LayerNorm } from "./layers.js";
import { type Init, ones, type Parameter, type ParameterStore } from "./parameter.js";

export interface Norm {
  /** norm(x + dropout(residual)), x (T, C) */
  forward(x: Tensor, residual?: Tensor, p?: number): Tensor;
  /** Likewise, with the sum itself. */
  withSum(x: Tensor, residual: Tensor, p: number): { output: Tensor; sum: Tensor };
}

/** Layer normalisation, with NAME.weight (C) and NAME.bias (C). */
export class SummingLayerNorm extends LayerNorm implements Norm {
  withSum(x: Tensor, residual: Tensor, p: number): { output: Tensor; sum: Tensor } {
    const { eps } = this;
    const options = { eps, residual, dropout: p, returnSum: true } as const;
    return layerNorm(x, this.weight.tensor, this.bias.tensor, options);
  }
}

/** T5's norm: root mean square, with NAME.weight (C). */
export class RmsNorm implements Norm {
  readonly weight: Parameter;

  constructor(
    store: ParameterStore,
    name: string,
    size: number,
    readonly eps: number,
    init: Init = ones,
  ) {
    this.weight = store.declare(`${name}.weight`, [size], init);
  }

  forward(x: Tensor, residual?: Tensor, p = 0): Tensor {
    return rmsNorm(x, this.weight.tensor, { eps: this.eps, residual, dropout: p });
  }

  withSum(x: Tensor, residual: Tensor, p: number): { output: Tensor; sum: Tensor } {
    return rmsNorm(x, this.weight.tensor, { eps: this.eps, residual, dropout: p, returnSum: true });
  }
}
