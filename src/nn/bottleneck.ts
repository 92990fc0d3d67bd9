// Adapters: two layers with a narrow waist behind a sub-layer, whose own weights are frozen. With h what the sub-layer
// gives (T, C), x its input and N the layer's norm:
//   Houlsby et al. 2019 (arXiv:1902.00751, section 2.1), behind attention and feed-forward:  h + U f(D h)
//   Pfeiffer et al. 2020 (arXiv:2005.00052, section 2.2), behind the feed-forward alone:     h + U f(D N(x + h))
// and the layer goes on with N(x + that). D (size, C) and U (C, size) start near 0 as in Houlsby's section 3.6, so that
// nearly nothing has changed yet.
import type { Activation } from "../tensor/ops/linear.js";
import { linear } from "../tensor/ops/linear.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Init, type Parameter, type ParameterStore, zeros } from "./parameter.js";
import type { SublayerPlace } from "./places.js";

export type AdapterKind = "houlsby" | "pfeiffer";

const start: Init = { kind: "truncatedNormal", std: 1e-2 };

export class Bottleneck {
  readonly #down: [weight: Parameter, bias: Parameter];
  readonly #up: [weight: Parameter, bias: Parameter];

  constructor(
    store: ParameterStore,
    place: SublayerPlace,
    private readonly options: { kind: AdapterKind; size: number; activation: Activation },
  ) {
    const layer = (part: string, outSize: number, inSize: number): [Parameter, Parameter] => [
      store.declare(`${place.name}.adapter.${part}.weight`, [outSize, inSize], start),
      store.declare(`${place.name}.adapter.${part}.bias`, [outSize], zeros),
    ];
    this.#down = layer("down", options.size, place.size);
    this.#up = layer("up", place.size, options.size);
  }

  /** output (T, C) -> (T, C) */
  forward(output: Tensor, normalized: () => Tensor): Tensor {
    const { kind, activation } = this.options;
    const input = kind === "pfeiffer" ? normalized() : output;
    const narrow = linear(input, this.#down[0].tensor, this.#down[1].tensor, { activation }); // (T, size)
    return linear(narrow, this.#up[0].tensor, this.#up[1].tensor, { residual: output });
  }
}
