// The layers of an encoder one after another, with what a caller wants to see of each.

import type { LayerInputs, LayerOutput } from "../nn/post-norm-layer.js";
import { recomputed } from "../nn/recompute.js";
import type { RelativeRows } from "../nn/relative-positions.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import type { EncoderOptions, EncoderOutput } from "./encoder.js";

interface Layer {
  readonly heads: number;
  forward(x: Tensor, inputs: LayerInputs): LayerOutput;
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
  options: EncoderOptions & { rows?: RelativeRows },
): EncoderOutput {
  let hidden = x; // (T, C)
  const hiddenStates = options.hiddenStates ? [x] : undefined;
  const attentions: Tensor[][] | undefined = options.attentions ? [] : undefined;
  const { encoderOutputs: seen, rows } = options;
  const memory = seen && { hidden: seen.lastHiddenState, offsets: seen.offsets };
  const inputs = { offsets: batch.offsets, training, wantWeights: attentions !== undefined, rows, memory };
  for (const layer of layers) {
    if (options.recompute && !attentions) {
      hidden = recomputedLayer(layer, hidden, inputs);
    } else {
      const output = layer.forward(hidden, inputs);
      hidden = output.x;
      if (output.weights) attentions?.push(perSequence(output.weights, batch, layer.heads));
    }
    hiddenStates?.push(hidden);
  }
  return { hidden, hiddenStates, attentions };
}

function recomputedLayer(layer: Layer, x: Tensor, inputs: LayerInputs): Tensor {
  const { offsets, rows, memory } = inputs;
  const relative = rows ? [rows.rows, rows.falling, rows.rising] : [];
  const looked = memory ? [memory.hidden, memory.offsets] : [];
  const run = (input: Tensor, ...kept: Tensor[]) => {
    const [first, ...others] = kept;
    const [r, falling, rising] = others.splice(0, relative.length);
    const [hidden, memoryOffsets] = others;
    return layer.forward(input, {
      ...inputs,
      offsets: first,
      rows: rows && { ...rows, rows: r, falling, rising },
      memory: memory && { hidden, offsets: memoryOffsets },
    }).x;
  };
  return recomputed(run, x, offsets, ...relative, ...looked);
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
