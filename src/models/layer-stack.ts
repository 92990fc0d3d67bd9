// The layers of an encoder one after another, with what a caller wants to see of each.

import type { LayerOutput } from "../nn/post-norm-layer.js";
import { recomputed } from "../nn/recompute.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import type { EncoderOptions, EncoderOutput } from "./encoder.js";

interface Layer {
  readonly heads: number;
  forward(x: Tensor, offsets: Tensor, training: boolean, wantWeights: boolean): LayerOutput;
}

/**
 * x (T, C) through the layers; one that comes twice shares its weights with itself.
 *
 * @returns `hidden`, and on request `hiddenStates` (x and the output of each layer) and `attentions`
 */
export function runLayers(
  layers: readonly Layer[],
  x: Tensor,
  batch: Batch,
  training: boolean,
  options: EncoderOptions,
): EncoderOutput {
  let hidden = x; // (T, C)
  const hiddenStates = options.hiddenStates ? [x] : undefined;
  const attentions: Tensor[][] | undefined = options.attentions ? [] : undefined;
  for (const layer of layers) {
    if (options.recompute && !attentions) {
      const run = (input: Tensor, offsets: Tensor) => layer.forward(input, offsets, training, false).x;
      hidden = recomputed(run, hidden, batch.offsets);
    } else {
      const output = layer.forward(hidden, batch.offsets, training, attentions !== undefined);
      hidden = output.x;
      if (output.weights) attentions?.push(perSequence(output.weights, batch, layer.heads));
    }
    hiddenStates?.push(hidden);
  }
  return { hidden, hiddenStates, attentions };
}

/** Cuts flat attention weights into one (H, L, S) tensor per sequence: views. */
export function perSequence(weights: Tensor, queries: Batch, heads: number, keys = queries): Tensor[] {
  const parts: Tensor[] = [];
  let begin = 0;
  for (let b = 0; b < queries.size; b++) {
    const length = queries.bounds[b + 1] - queries.bounds[b];
    const keyLength = keys.bounds[b + 1] - keys.bounds[b];
    const end = begin + heads * length * keyLength;
    parts.push(weights.slice(begin, end).reshape([heads, length, keyLength]));
    begin = end;
  }
  return parts;
}
