// Feed-forward sub-layers of generative models: down(dropout(act(up(x)))), or with a gate, over any products.
import { type GatedActivation, gatedActivation } from "../tensor/ops/gated.js";
import type { Activation } from "../tensor/ops/linear.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import type { LayerRun } from "./attention-layers.js";
import type { Product } from "./products.js";

export interface FeedForwardSettings {
  activation: Activation;
  /** Of what is between the two products. */
  dropout: number;
  /** Whether `up` makes gate and values side by side: act(gate) * values (Shazeer 2020, arXiv:2002.05202). */
  gated?: boolean;
}

export class FeedForwardLayer {
  constructor(
    private readonly up: Product,
    private readonly down: Product,
    private readonly settings: FeedForwardSettings,
  ) {}

  /** x (T, C) -> (T, C), before dropout */
  forward(x: Tensor, { training }: LayerRun, residual?: Tensor): Tensor {
    const { activation, gated, dropout: p } = this.settings;
    const inner = gated
      ? gatedActivation(this.up.forward(x), activation as GatedActivation)
      : this.up.forward(x, { activation }); // (T, F)
    return this.down.forward(training && p > 0 ? dropout(inner, p) : inner, { residual });
  }
}
