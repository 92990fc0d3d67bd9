// Long short-term memory over ragged batches. The recurrence is in native/ops/lstm.
import { AthanorError } from "../../errors.js";
import { callOpMany, handleOf, optionalHandle, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";
import { add } from "./elementwise.js";
import { linear } from "./linear.js";

/** The parameters of one direction of one layer, gates in PyTorch's order: input, forget, cell, output. */
export interface LstmWeights {
  /** (4H, I), or without it x is projected already: (T, 4H), biases included. */
  weightIh?: Tensor;
  /** (4H, H) */
  weightHh: Tensor;
  /** (4H); PyTorch keeps two biases, which are added. Both go with weightIh. */
  biasIh?: Tensor | null;
  biasHh?: Tensor | null;
}

export interface LstmOptions {
  /** From the last row of each sequence to the first; default false. */
  reverse?: boolean;
  /** f32 (B, H): the states that each sequence begins with; default zeros. */
  h0?: Tensor | null;
  c0?: Tensor | null;
}

export interface LstmStates {
  /** (T, H): the state h after each row. */
  output: Tensor;
  /** f32 (B, H): h and c after the last step; of an empty sequence what it began with. */
  hN: Tensor;
  cN: Tensor;
}

/**
 * One direction of one LSTM layer over each sequence of a ragged batch, as torch.nn.LSTM computes it (Hochreiter &
 * Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, with the forget gate of Gers et al. 2000):
 *
 *     i, f, o = sigmoid, g = tanh of x W_ihᵀ + b_ih + h W_hhᵀ + b_hh;   c' = f c + i g;   h' = o tanh(c')
 *
 * All rows are projected by one product; each step then takes one product over the sequences that still have a row.
 * Gradients for x, the weights, the biases, h0 and c0, from the output and both last states.
 *
 * @param x f32 (T, I), or on a GPU bf16 with weights in bf16; states are f32 either way
 * @param offsets i32 (B+1): sequence b is rows offsets[b] to offsets[b+1]
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT; ERR_DATA when a result is read, for what are no offsets
 * @example
 * const { output, hN } = ops.lstm(x, offsets, { weightIh, weightHh, biasIh, biasHh }, { reverse: true });
 */
export function lstm(
  x: Tensor,
  offsets: Tensor,
  weights: LstmWeights,
  options: LstmOptions = {},
): LstmStates {
  const op = "lstm";
  const { weightIh, weightHh, biasIh, biasHh } = requireObject(weights, op, "weights");
  const { h0, c0, reverse } = requireObject(options, op);
  if (!weightIh && (biasIh || biasHh)) {
    throw new AthanorError("ERR_ARGUMENT", "lstm: biases go with weightIh, got none: add them to x");
  }
  const bias = biasIh && biasHh ? add(biasIh, biasHh) : (biasIh ?? biasHh);
  const projected = weightIh ? linear(x, weightIh, bias) : x; // (T, 4H)
  const [output, hN, cN] = callOpMany(
    op,
    handleOf(projected, op, weightIh ? "projected" : "x"),
    handleOf(offsets, op, "offsets"),
    handleOf(weightHh, op, "weightHh"),
    optionalHandle(h0, op, "h0"),
    optionalHandle(c0, op, "c0"),
    reverse ? 1 : 0,
  );
  return { output, hN, cN };
}
