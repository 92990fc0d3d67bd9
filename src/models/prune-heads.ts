// Fewer attention heads (Michel et al. 2019, arXiv:1905.10650): what Transformers' prune_heads did up to version 4. The
// rows of a head in query, key and value and its columns in attention's output layer go, so that the layer computes what
// it would with that head's output set to 0, in less time.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { gatherRows, transpose } from "../tensor/ops/shape.js";
import { Generator } from "../tensor/random.js";
import { noGrad, scope } from "../tensor/scope.js";
import { handles, type Tensor, tensor } from "../tensor/tensor.js";
import type { ModelConfig } from "./config.js";
import { layerOf } from "./layers-by-name.js";
import { Model } from "./model.js";

/** Numbers of heads by number of layer, both from 0, counted as in the model before anything was pruned. */
export type PrunedHeads = Record<number, readonly number[]>;

/**
 * A model without some attention heads; the one given stays as it is and is disposed of by its owner. The new config
 * lists all heads that are gone as `pruned_heads`, by which such a model is saved and loaded.
 *
 * @throws ERR_ARGUMENT for a layer or head that there is not, a layer's last head, a family that cannot be pruned, a
 *   model with an adapter; ERR_DTYPE for weights in fewer bits
 * @example
 * const small = pruneHeads(model, { 0: [2, 5], 11: [0] });
 */
export function pruneHeads(model: Model, heads: PrunedHeads): Model {
  if (typeof heads !== "object" || heads === null) throw fault(`heads must be lists by layer, got ${heads}`);
  if (model.adapter) throw fault("model must have no adapter, got one");
  if (model.dtype !== "f32") {
    throw new AthanorError("ERR_DTYPE", `pruneHeads: needs weights in f32, got ${model.dtype}`);
  }
  const before = prunedBefore(model.config);
  const all: Record<string, number[]> = {};
  for (const [layer, gone] of [...Object.entries(before), ...Object.entries(heads)]) {
    if (!Array.isArray(gone)) throw fault(`heads must be lists by layer, got ${JSON.stringify(heads)}`);
    all[layer] = [...new Set([...(all[layer] ?? []), ...gone])].sort((a, b) => a - b);
  }
  const pruned = rebuilt(model, { ...model.config, pruned_heads: all });
  try {
    const kept = keptHeads(before, all);
    const source = model.parameters();
    scope(() => noGrad(() => fill(pruned, source, kept)));
    for (const [name, parameter] of pruned.parameters()) {
      parameter.requiresGrad = source.get(name)!.requiresGrad;
    }
  } catch (error) {
    pruned.dispose();
    throw error;
  }
  pruned.generator = new Generator(model.generator.seed, model.generator.calls);
  pruned.training = model.training;
  return pruned;
}

/** A model of other parts; what its config says wrong is the caller's argument. */
function rebuilt(model: Model, config: ModelConfig): Model {
  if (!model.parts.rebuild)
    throw fault(`model must be of a family that can be pruned, got ${model.architecture}`);
  try {
    const options = { ...model.lossOptions, device: model.device as "cpu" };
    return new Model(model.parts.rebuild(config), options);
  } catch (cause) {
    const { code, message } = cause as AthanorError;
    if (code !== "ERR_CHECKPOINT") throw cause;
    throw new AthanorError("ERR_ARGUMENT", message.replace("config: pruned_heads", "pruneHeads: heads"), {
      cause,
    });
  }
}

function prunedBefore(config: ModelConfig): Record<string, number[]> {
  return (config.pruned_heads ?? {}) as Record<string, number[]>;
}

/** For each layer the places, among the heads that it has, of those that stay. */
function keptHeads(
  before: Record<string, readonly number[]>,
  after: Record<string, readonly number[]>,
): (layer: number, count: number) => number[] {
  return (layer, count) => {
    const gone = new Set(before[layer] ?? []);
    const had = Array.from({ length: count + gone.size }, (_, head) => head).filter(
      (head) => !gone.has(head),
    );
    const lost = new Set(after[layer] ?? []);
    return had.flatMap((head, place) => (lost.has(head) ? [] : [place]));
  };
}

function fill(
  pruned: Model,
  source: ReadonlyMap<string, Tensor>,
  kept: (layer: number, count: number) => number[],
): void {
  const { native } = getEngine();
  const copy = (target: Tensor, from: Tensor) => native.copy(handles.of(target), handles.of(from));
  const { heads, hidden } = pruned.parts.encoder.sizes;
  const headSize = hidden / heads;
  for (const [name, target] of pruned.parameters()) {
    const from = source.get(name)!;
    const dim = from.shape.findIndex((size, i) => size !== target.shape[i]);
    if (dim < 0) {
      copy(target, from);
      continue;
    }
    const places = kept(layerOf(name)!, from.shape[dim] / headSize);
    const index = Int32Array.from(places.flatMap((place) => columnsOf(place, headSize)));
    const rows = tensor(index, [index.length], { device: pruned.device as "cpu" });
    copy(target, dim === 0 ? gatherRows(from, rows) : transpose(gatherRows(transpose(from), rows)));
  }
}

const columnsOf = (head: number, headSize: number) =>
  Array.from({ length: headSize }, (_, i) => head * headSize + i);

function fault(message: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `pruneHeads: ${message}`);
}
