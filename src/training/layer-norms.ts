// The gradient's norm layer by layer: which of them starve or explode is not seen in the norm of all.
import { isEmbedding } from "../models/layers-by-name.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { sum } from "../tensor/ops/reduce.js";
import { noGrad, scope } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";

// What Transformers puts before the names of a base model under a head.
const BASE = /^(?:bert|roberta|albert|distilbert|electra|transformer|model)\./;

/**
 * The part of the model that a parameter belongs to: "encoder.layer.3", "embeddings", "pooler", "classifier", ... All that
 * embeds ids is one part.
 */
export function layerNameOf(name: string): string {
  const own = name.replace(BASE, "");
  const [numbered] = /^(?:\w+\.){0,2}?\w+\.\d+(?=\.)/.exec(own) ?? [];
  if (numbered !== undefined) return numbered;
  return isEmbedding(name) ? "embeddings" : own.split(".")[0];
}

/** Parameters by the layer they belong to, in the model's order. */
export function parametersByLayer(parameters: Map<string, Tensor>): Map<string, [string, Tensor][]> {
  const layers = new Map<string, [string, Tensor][]>();
  for (const [name, parameter] of parameters) {
    const layer = layerNameOf(name);
    layers.set(layer, [...(layers.get(layer) ?? []), [name, parameter]]);
  }
  return layers;
}

/**
 * Enqueues the norms of the gradients that are there, before clipping; layers without any are left out. Never an
 * unhandled rejection.
 */
export function enqueueLayerNorms(parameters: Map<string, Tensor>): Promise<Record<string, number>> {
  const readings: Promise<[string, number]>[] = [];
  for (const [layer, members] of parametersByLayer(parameters)) {
    const gradients = members.flatMap(([, { grad }]) => grad ?? []);
    if (gradients.length === 0) continue;
    const squares = scope(() =>
      noGrad(() => gradients.map((g) => sum(mul(g, g))).reduce((a, b) => add(a, b))),
    );
    readings.push(squares.item().then((value) => [layer, Math.sqrt(value)]));
    squares.dispose();
  }
  const norms = Promise.all(readings).then((entries) => Object.fromEntries(entries));
  norms.catch(() => {}); // whoever awaits it gets the error too
  return norms;
}
