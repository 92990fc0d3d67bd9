// Which of an encoder's hidden states are taken, and how several become one.
import { AthanorError } from "../errors.js";
import type { Model, ModelParts } from "../models/model.js";
import type { ScalarMix } from "../nn/scalar-mix.js";
import { add, mul } from "../tensor/ops/elementwise.js";
import { concat } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** How several layers become one: side by side (Devlin et al. 2018, section 5.3), added, their mean, or a learned mix. */
export const layerCombinations = ["concat", "sum", "mean", "mix"] as const;
export type LayerCombination = (typeof layerCombinations)[number];

/** Features are those of one stack of layers. @throws ERR_ARGUMENT for an encoder with a decoder */
export function requireOneStack(who: string, { encoder, architecture }: ModelParts): void {
  if (!encoder.decoder?.encode) return;
  const needed = "model must be an encoder or a decoder, not both";
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${architecture}`);
}

/** How many layers run: ALBERT's groups may hold several. */
export function layerCount({ sizes, config }: Pick<Model, "sizes" | "config">): number {
  return sizes.layers * (config.model_type === "albert" ? Number(config.inner_group_num ?? 1) : 1);
}

/**
 * Layers as places in the hidden states: 0 the embeddings, 1 to `count` the layers, negative from the last.
 *
 * @throws ERR_ARGUMENT for a layer that there is not, one named twice, or none
 */
export function layerPlaces(who: string, layers: unknown, count: number): number[] {
  const list: unknown[] = layers === "all" ? Array.from({ length: count + 1 }, (_, i) => i) : [layers].flat();
  const places = list.map((layer) => {
    const known = Number.isInteger(layer) && (layer as number) >= -count - 1 && (layer as number) <= count;
    if (known) return (layer as number) < 0 ? count + 1 + (layer as number) : (layer as number);
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: layers must be "all" or integers from ${-count - 1} to ${count} (0: the embeddings), ` +
        `got ${String(layer)}`,
    );
  });
  if (places.length > 0 && new Set(places).size === places.length) return places;
  const came = places.length === 0 ? "none" : `[${list}]`;
  throw new AthanorError("ERR_ARGUMENT", `${who}: layers must be one or more, each once, got ${came}`);
}

/** @throws ERR_ARGUMENT */
export function checkedCombination(who: string, combine: unknown): LayerCombination {
  if (layerCombinations.includes(combine as LayerCombination)) return combine as LayerCombination;
  const needed = `combine must be one of ${layerCombinations.join(", ")}`;
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${String(combine)}`);
}

/** The chosen states as one: (T, C), or (T, layers·C) side by side. */
export function combineLayers(
  states: readonly Tensor[],
  places: readonly number[],
  combine: LayerCombination,
  mix?: ScalarMix,
): Tensor {
  const chosen = places.map((place) => states[place]);
  if (mix) return mix.forward(chosen);
  if (chosen.length === 1) return chosen[0];
  if (combine === "concat") return concat(chosen, 1);
  const sum = chosen.reduce((total, state) => add(total, state));
  return combine === "mean" ? mul(sum, 1 / chosen.length) : sum;
}
