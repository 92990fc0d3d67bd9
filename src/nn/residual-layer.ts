// A transformer layer as a list of sub-layers with their norms. Pre-norm (GPT-2, T5, mBART): x + dropout(f(norm(x))).
// Post-norm (BART, Marian; Vaswani et al. 2017, section 3.1): norm(x + dropout(f(x))). x is (T, C).
import { add } from "../tensor/ops/elementwise.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { CrossAttentionLayer, type LayerRun } from "./attention-layers.js";
import type { KeyValueCache } from "./key-value-cache.js";
import type { Norm } from "./norms.js";

export interface SubLayer {
  /** x (T, C) -> (T, C), with `residual` (T, C) added where it is given */
  forward(x: Tensor, run: LayerRun, residual?: Tensor): Tensor;
}

export interface ResidualLayerSettings {
  preNorm: boolean;
  /** Of what each sub-layer gives. */
  dropout: number;
}

export class ResidualLayer {
  constructor(
    private readonly parts: readonly { norm: Norm; layer: SubLayer }[],
    private readonly settings: ResidualLayerSettings,
  ) {}

  forward(x: Tensor, run: LayerRun): Tensor {
    const p = run.training ? this.settings.dropout : 0;
    return this.settings.preNorm ? this.#preNorm(x, run, p) : this.#postNorm(x, run, p);
  }

  #postNorm(x: Tensor, run: LayerRun, p: number): Tensor {
    let hidden = x;
    for (const { norm, layer } of this.parts) hidden = norm.forward(hidden, layer.forward(hidden, run), p);
    return hidden;
  }

  /** Each norm but the first adds the sub-layer before it; the last sub-layer's product adds its own. */
  #preNorm(x: Tensor, run: LayerRun, p: number): Tensor {
    let sum = x;
    let { layer } = this.parts[0];
    let normed = this.parts[0].norm.forward(x);
    for (const next of this.parts.slice(1)) {
      ({ output: normed, sum } = next.norm.withSum(sum, layer.forward(normed, run), p));
      layer = next.layer;
    }
    if (p === 0) return layer.forward(normed, run, sum);
    return add(sum, dropout(layer.forward(normed, run), p));
  }

  /** Keeps keys and values of an encoder's output (S, C), where the layer attends to one. */
  keepMemory(cache: KeyValueCache, hidden: Tensor): void {
    for (const { layer } of this.parts) if (layer instanceof CrossAttentionLayer) layer.keep(cache, hidden);
  }
}
