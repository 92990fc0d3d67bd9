// What a config asks of an encoder beyond its sizes: relative positions, to be a decoder, fewer heads.
import { AthanorError } from "../errors.js";
import type { RelativeKind } from "../nn/relative-positions.js";
import type { ModelConfig } from "./config.js";

/** Which of these a family has; what it lacks is an error of the config. */
export interface Abilities {
  relativePositions?: boolean;
  decoder?: boolean;
  pruning?: boolean;
}

export interface Variations {
  relative?: { kind: RelativeKind; positions: number };
  /** Whether a token sees those before it alone. */
  causal: boolean;
  crossAttention: boolean;
  prunedHeads: Map<number, Set<number>>;
}

/** @throws ERR_CHECKPOINT naming the entry, what is needed and what came */
export function variations(
  config: ModelConfig,
  abilities: Abilities,
  sizes: { positions: number; layers: number; heads: number },
): Variations {
  const causal = flagOf(config, "is_decoder");
  const crossAttention = flagOf(config, "add_cross_attention");
  if (causal && !abilities.decoder) throw wrong("is_decoder must be false for an encoder, got true");
  if (crossAttention && !causal) throw wrong("add_cross_attention needs is_decoder true, got false");
  return {
    relative: relativeOf(config, abilities, sizes.positions),
    causal,
    crossAttention,
    prunedHeads: prunedHeadsOf(config, abilities, sizes),
  };
}

function flagOf(config: ModelConfig, name: string): boolean {
  const value = config[name] ?? false;
  if (typeof value === "boolean") return value;
  throw wrong(`${name} must be true or false, got ${JSON.stringify(value)}`);
}

function relativeOf(
  config: ModelConfig,
  { relativePositions }: Abilities,
  positions: number,
): Variations["relative"] {
  const kind = config.position_embedding_type ?? "absolute";
  if (kind === "absolute") return undefined;
  const known = relativePositions ? ["absolute", "relative_key", "relative_key_query"] : ["absolute"];
  if (known.includes(kind as string)) return { kind: kind as RelativeKind, positions };
  throw wrong(`position_embedding_type must be one of ${known.join(", ")}, got ${JSON.stringify(kind)}`);
}

/** `pruned_heads`: lists of heads by layer, as Transformers wrote it up to version 4. */
function prunedHeadsOf(
  config: ModelConfig,
  { pruning }: Abilities,
  { layers, heads }: { layers: number; heads: number },
): Map<number, Set<number>> {
  const pruned = config.pruned_heads ?? {};
  if (typeof pruned !== "object" || Array.isArray(pruned)) {
    throw wrong(`pruned_heads must be lists of heads by layer, got ${JSON.stringify(pruned)}`);
  }
  const found = new Map<number, Set<number>>();
  for (const [layer, list] of Object.entries(pruned)) {
    if (!Array.isArray(list) || !isBelow(Number(layer), layers) || !list.every((h) => isBelow(h, heads))) {
      const needed = `lists of heads below ${heads} by layers below ${layers}`;
      throw wrong(`pruned_heads must be ${needed}, got ${JSON.stringify({ [layer]: list })}`);
    }
    if (list.length > 0) found.set(Number(layer), new Set(list as number[]));
    if (new Set(list).size === heads) throw wrong(`pruned_heads must leave layer ${layer} a head, got all`);
  }
  if (found.size > 0 && !pruning) {
    throw wrong(`pruned_heads must be empty for this family, got ${JSON.stringify(pruned)}`);
  }
  return found;
}

const isBelow = (value: unknown, limit: number) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < limit;

function wrong(what: string): AthanorError {
  return new AthanorError("ERR_CHECKPOINT", `config: ${what}`);
}
