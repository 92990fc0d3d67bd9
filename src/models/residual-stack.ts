// The layers of a generative model's encoder or decoder one after another, with what a caller wants to see of each.
import type { LayerRun, Memory } from "../nn/attention-layers.js";
import type { Norm } from "../nn/norms.js";
import { recomputed } from "../nn/recompute.js";
import type { ResidualLayer } from "../nn/residual-layer.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import type { EncoderOptions } from "./encoder.js";

/** What comes after the last layer, where a family has it. */
export interface StackEnd {
  norm?: Norm;
  dropout?: number;
}

export interface StackOutput {
  /** (T, C) */
  hidden: Tensor;
  /** On request x and each layer's output, the last one as `hidden`. */
  hiddenStates?: Tensor[];
}

export class ResidualStack {
  constructor(
    readonly layers: readonly ResidualLayer[],
    private readonly end: StackEnd,
  ) {}

  /** x (T, C) through the layers. */
  forward(x: Tensor, run: LayerRun, { hiddenStates: wanted, recompute }: EncoderOptions = {}): StackOutput {
    const seen = [x];
    let hidden = x;
    for (const layer of this.layers) {
      hidden =
        recompute && !run.attentions ? recomputedLayer(layer, hidden, run) : layer.forward(hidden, run);
      seen.push(hidden);
    }
    hidden = this.#finish(hidden, run.training);
    return { hidden, hiddenStates: wanted ? [...seen.slice(0, -1), hidden] : undefined };
  }

  #finish(x: Tensor, training: boolean): Tensor {
    const { norm, dropout: p = 0 } = this.end;
    const hidden = norm ? norm.forward(x) : x;
    return training && p > 0 ? dropout(hidden, p) : hidden;
  }
}

function recomputedLayer(layer: ResidualLayer, x: Tensor, run: LayerRun): Tensor {
  const { training, offsets, memory } = run;
  const block = (input: Tensor, own: Tensor, hidden?: Tensor, keyOffsets?: Tensor) => {
    const kept: Memory | undefined = hidden && keyOffsets && { hidden, offsets: keyOffsets };
    return layer.forward(input, { training, offsets: own, memory: kept });
  };
  const others = memory ? [memory.hidden, memory.offsets] : [];
  return recomputed(block, x, offsets as Tensor, ...others);
}
