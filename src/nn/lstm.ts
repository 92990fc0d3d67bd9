// LSTM layers over ragged batches, with the parameters of torch.nn.LSTM. Both directions of a layer are projected by
// one product: their input weights are row ranges of one tensor.
import { AthanorError } from "../errors.js";
import { add } from "../tensor/ops/elementwise.js";
import { linear } from "../tensor/ops/linear.js";
import { lstm } from "../tensor/ops/lstm.js";
import { concat, split } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Init, PackedParameter, Parameter, ParameterStore } from "./parameter.js";

export interface LstmShape {
  /** Layers L, one reading the output of the other; default 1. */
  layers?: number;
  /** Two directions D, whose outputs lie side by side; default false. */
  bidirectional?: boolean;
}

export interface LstmOutput {
  /** (T, D·H): of the last layer. */
  output: Tensor;
  /** (L·D, B, H): the last states of each layer and direction, in PyTorch's order. */
  hN: Tensor;
  cN: Tensor;
}

/** One layer: what its directions share, and the recurrent weight of each. */
interface LstmLayer {
  weightIh: PackedParameter; // (D·4H, I)
  biasIh: PackedParameter; // (D·4H)
  biasHh: PackedParameter;
  weightHh: Parameter[]; // (4H, H) each
}

/**
 * As torch.nn.LSTM, for each sequence of a ragged batch: NAME.weight_ih_l0 (4H, I), NAME.weight_hh_l0 (4H, H),
 * NAME.bias_ih_l0, NAME.bias_hh_l0 (4H), the same with _reverse, and for each further layer. All start uniformly within
 * 1/√H of 0. See ops.lstm.
 *
 * @example
 * this.#lstm = new nn.Lstm(parameters, "lstm", hiddenSize, 128, { bidirectional: true });
 * const { output } = this.#lstm.forward(lastHiddenState, batch.offsets); // (T, 256)
 */
export class Lstm {
  readonly #layers: LstmLayer[];
  readonly #directions: number;

  /** @throws ERR_ARGUMENT for a size or number of layers that is no positive integer */
  constructor(
    store: ParameterStore,
    name: string,
    inputSize: number,
    readonly hiddenSize: number,
    { layers = 1, bidirectional = false }: LstmShape = {},
  ) {
    for (const [what, value] of Object.entries({ inputSize, hiddenSize, layers })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new AthanorError("ERR_ARGUMENT", `Lstm: ${what} must be a positive integer, got ${value}`);
      }
    }
    this.#directions = bidirectional ? 2 : 1;
    const init: Init = { kind: "uniform", bound: 1 / Math.sqrt(hiddenSize) };
    const gates = 4 * hiddenSize;
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const suffixes = bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`];
      const named = (part: string) => suffixes.map((suffix) => `${name}.${part}${suffix}`);
      const width = layer === 0 ? inputSize : this.outputSize;
      return {
        weightIh: store.declarePacked(named("weight_ih"), [gates, width], init, true),
        weightHh: named("weight_hh").map((each) => store.declare(each, [gates, hiddenSize], init)),
        biasIh: store.declarePacked(named("bias_ih"), [gates], init),
        biasHh: store.declarePacked(named("bias_hh"), [gates], init),
      };
    });
  }

  /** D·H, the width of the output. */
  get outputSize(): number {
    return this.#directions * this.hiddenSize;
  }

  /**
   * @param x (T, I)
   * @param offsets i32 (B+1)
   * @param start h0 and c0 (L·D, B, H), f32; zeros where left out
   */
  forward(x: Tensor, offsets: Tensor, start: { h0?: Tensor; c0?: Tensor } = {}): LstmOutput {
    const batch = offsets.shape[0] - 1;
    const hN: Tensor[] = [];
    const cN: Tensor[] = [];
    let input = x;
    for (const { weightIh, biasIh, biasHh, weightHh } of this.#layers) {
      const bias = add(biasIh.tensor, biasHh.tensor);
      const projected = linear(input, weightIh.tensor, bias, { weightScale: weightIh.scale }); // (T, D·4H)
      const parts = weightHh.length > 1 ? split(projected, weightHh.length) : [projected]; // (T, 4H) each
      const outputs = weightHh.map((weight, direction) => {
        const at = hN.length; // of all layers and directions
        const of = (states?: Tensor) => states?.slice(at, at + 1).reshape([batch, this.hiddenSize]);
        const options = { reverse: direction === 1, h0: of(start.h0), c0: of(start.c0) };
        const states = lstm(parts[direction], offsets, { weightHh: weight.tensor }, options);
        hN.push(states.hN);
        cN.push(states.cN);
        return states.output;
      });
      input = outputs.length > 1 ? concat(outputs, 1) : outputs[0]; // (T, D·H)
    }
    const stacked = (states: Tensor[]) => concat(states).reshape([states.length, batch, this.hiddenSize]);
    return { output: input, hN: stacked(hN), cN: stacked(cN) };
  }
}
