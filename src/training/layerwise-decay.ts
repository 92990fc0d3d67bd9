// Learning rates that fall from the head to the embeddings (Sun et al. 2019, arXiv:1905.05583, section 5.3.4; the factors
// of BEiT, arXiv:2106.08254): what lies low in a pre-trained model is general and need not change much.
import { AthanorError } from "../errors.js";
import { isEmbedding, layerCount, layerOf } from "../models/layers-by-name.js";
import type { Tensor } from "../tensor/tensor.js";
import type { GroupRule } from "./args.js";

export interface LayerwiseDecayOptions {
  /** From above 0 to 1: the factor from one layer to the one below. */
  decay: number;
}

/**
 * Rules for `parameterGroups`: of L layers, layer i (from 0) learns at `decay ** (L - i)` times the learning rate, the
 * embeddings at `decay ** (L + 1)`, all else (head, pooler) at the whole of it.
 *
 * @throws ERR_ARGUMENT for a decay out of range, or a model without numbered layers
 * @example
 * const parameterGroups = layerwiseDecay(model, { decay: 0.9 });
 * const trainer = new Trainer({ model, tokenizer, train: rows, args: { learningRate: 5e-5, parameterGroups } });
 */
export function layerwiseDecay(
  model: { parameters(): ReadonlyMap<string, Tensor> },
  { decay }: LayerwiseDecayOptions,
): GroupRule[] {
  if (!(typeof decay === "number" && decay > 0 && decay <= 1))
    throw fault("decay", "above 0 to 1", String(decay));
  const names = [...model.parameters().keys()];
  const layers = layerCount(names);
  if (layers === 0) throw fault("model", "one whose parameters tell their layer", "none that does");
  const factors = new Map<string, number>();
  for (const name of names) {
    const layer = layerOf(name);
    if (layer !== undefined) factors.set(startOf(name), decay ** (layers - layer));
    else if (isEmbedding(name)) factors.set(startOf(name), decay ** (layers + 1));
  }
  return [...factors].map(([pattern, learningRate]) => ({ pattern, learningRate }));
}

/** A name up to its layer's number or to what is called embeddings: texts, which a run's record can hold. */
function startOf(name: string): string {
  const found = /^(?:.*?\.)??(?:(?:layer|layers|albert_layer_groups|block|h)\.\d+|embeddings)\./.exec(name);
  return found ? found[0] : name;
}

function fault(name: string, needed: string, came: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `layerwiseDecay: ${name} must be ${needed}, got ${came}`);
}
