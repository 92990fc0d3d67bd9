// Which layer a parameter belongs to, by its name alone: all families number their layers in it.
import { AthanorError } from "../errors.js";
import type { Tensor } from "../tensor/tensor.js";

// encoder.layer.3., transformer.layer.3., albert_layer_groups.0., decoder.block.3., model.encoder.layers.3., h.3.
const LAYER = /(?:^|\.)(?:layer|layers|albert_layer_groups|block|h)\.(\d+)\./;
const EMBEDDINGS =
  /(?:^|\.)(?:embeddings|embeddings_project|embedding_hidden_mapping_in|shared|embed_tokens|embed_positions|layernorm_embedding|wte|wpe)\./;

/** From 0; undefined for what is in no layer: embeddings, pooler, heads. */
export function layerOf(name: string): number | undefined {
  const found = LAYER.exec(name);
  return found ? Number(found[1]) : undefined;
}

export function isEmbedding(name: string): boolean {
  return layerOf(name) === undefined && EMBEDDINGS.test(name);
}

/** One more than the last layer; those of an encoder and a decoder count alike. */
export function layerCount(names: Iterable<string>): number {
  let count = 0;
  for (const name of names) count = Math.max(count, (layerOf(name) ?? -1) + 1);
  return count;
}

/** Parameters by pattern, by a function of their name, or by layer. */
export type ParameterChoice =
  | RegExp
  | ((name: string) => boolean)
  | {
      /** Numbers of layers, from 0, or how many of the lowest ones. */
      layers?: readonly number[] | number;
      embeddings?: boolean;
    };

/** Freezes parameters or trains them again. @throws ERR_ARGUMENT where none is chosen: a misspelt name would go unnoticed */
export function requireGradients(
  who: string,
  parameters: ReadonlyMap<string, Tensor>,
  choice: ParameterChoice,
  value: boolean,
): void {
  const names = [...parameters.keys()];
  const wanted = chooser(who, names, choice);
  const chosen = names.filter(wanted);
  for (const name of chosen) parameters.get(name)!.requiresGrad = value;
  if (chosen.length > 0) return;
  const came = typeof choice === "object" && !isExpression(choice) ? JSON.stringify(choice) : String(choice);
  throw fault(who, "what is chosen must be part of the model", `${came}, which no parameter is`);
}

function chooser(who: string, names: readonly string[], choice: ParameterChoice): (name: string) => boolean {
  if (typeof choice === "function") return choice;
  if (typeof choice !== "object" || choice === null) {
    throw fault(who, "what is chosen must be a regular expression, a function or layers", String(choice));
  }
  if (isExpression(choice)) return (name) => name.search(choice) >= 0;
  const { layers = [], embeddings = false, ...others } = choice;
  const [odd] = Object.keys(others);
  if (odd !== undefined) throw fault(who, "what is chosen may have layers and embeddings", odd);
  const count = layerCount(names);
  const numbers = typeof layers === "number" ? Array.from({ length: layers }, (_, i) => i) : layers;
  const least =
    typeof layers === "number" ? Number.isSafeInteger(layers) && layers >= 0 : Array.isArray(layers);
  if (!least) throw fault(who, "layers must be numbers of layers, or how many", JSON.stringify(layers));
  const unknown = numbers.find((i) => !(Number.isInteger(i) && i >= 0 && i < count));
  if (unknown !== undefined) throw fault(who, `layers must be from 0 to ${count - 1}`, String(unknown));
  const wanted = new Set<number | undefined>(numbers);
  return (name) => wanted.has(layerOf(name)) || (embeddings && isEmbedding(name));
}

function isExpression(value: object): value is RegExp {
  return Object.prototype.toString.call(value) === "[object RegExp]";
}

function fault(who: string, needed: string, came: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${came}`);
}
