// LoRA (Hu et al. 2021, arXiv:2106.09685, section 4.1): beside a frozen W (out, in) a product of two thin matrices,
//   y = W x + b + alpha / rank · B A dropout(x),   A (rank, in), B (out, rank)
// named NAME.lora_A.weight and NAME.lora_B.weight as in PEFT. A starts uniform in ±1 / sqrt(in) (PEFT's Kaiming with
// a = sqrt 5), B at 0, so that nothing has changed yet.
import { mul } from "../tensor/ops/elementwise.js";
import { linear, matmul } from "../tensor/ops/linear.js";
import { dropout } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Parameter, type ParameterStore, zeros } from "./parameter.js";
import type { LinearPlace } from "./places.js";

export interface LowRankOptions {
  rank: number;
  /** alpha / rank */
  scaling: number;
  /** Of the input, while training. */
  dropout: number;
  isTraining: () => boolean;
}

export class LowRank {
  /** (rank, in) */
  readonly a: Parameter;
  /** (out, rank) */
  readonly b: Parameter;

  constructor(
    store: ParameterStore,
    readonly place: LinearPlace,
    private readonly options: LowRankOptions,
  ) {
    const { name, inSize, outSize } = place;
    const start = { kind: "uniform", bound: 1 / Math.sqrt(inSize) } as const;
    this.a = store.declare(`${name}.lora_A.weight`, [options.rank, inSize], start);
    this.b = store.declare(`${name}.lora_B.weight`, [outSize, options.rank], zeros);
  }

  /** x (T, in), y = W x + b (T, out) -> (T, out) */
  forward(x: Tensor, y: Tensor): Tensor {
    const { dropout: p, scaling, isTraining } = this.options;
    const dropped = p > 0 && isTraining() ? dropout(x, p) : x;
    const low = linear(dropped, this.a.tensor); // (T, rank)
    const scaled = scaling === 1 ? low : mul(low, scaling);
    return linear(scaled, this.b.tensor, null, { residual: y });
  }

  /** What it adds to the weight, laid out as that: (out, in), or (in, out). */
  delta(): Tensor {
    const [a, b] = [this.a.tensor, this.b.tensor];
    const product = this.place.fanInFanOut
      ? matmul(a, b, { transposeA: true, transposeB: true })
      : matmul(b, a);
    return mul(product, this.options.scaling);
  }
}
