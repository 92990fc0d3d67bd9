// What the training tests share: a tiny BERT, a tokenizer for a few words, rows with a pattern to learn.
import { AutoModelForSequenceClassification, type Example, type Model } from "../../src/models/index.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { BertTokenizer } from "../../src/tokenizers/index.js";
import type { TrainEvent } from "../../src/training/index.js";
import { uniform } from "../support/random.js";

export const words =
  "the a card cash pin lost fee charged new stolen where when is my why was change app it code".split(" ");

export const tinyConfig = {
  model_type: "bert",
  vocab_size: 5 + words.length,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 24,
  // With the usual 0.02 so small a model often gets stuck, in PyTorch too.
  initializer_range: 0.1,
};

export const labels = ["card", "cash", "pin"];

/** Two layers, 32 wide, three labels. */
export async function tinyModel(config: Record<string, unknown> = {}, seed = 3): Promise<Model> {
  const names = config.id2label ? {} : { labels };
  return AutoModelForSequenceClassification.fromConfig({ ...tinyConfig, ...config }, { ...names, seed });
}

/**
 * Runs `use` with a tiny model, which is freed afterwards. (Jest's realms lack Symbol.dispose, so no
 * `using`.)
 */
export async function withModel<T>(
  use: (model: Model) => Promise<T>,
  config: Record<string, unknown> = {},
): Promise<T> {
  const model = await tinyModel(config);
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

export function tinyTokenizer(): BertTokenizer {
  return BertTokenizer.fromVocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words], {
    modelMaxLength: 24,
  });
}

/** Rows whose label is the one of its three words that the text holds. */
export function tinyRows(count: number, seed = 1): { text: string; label: string }[] {
  const next = uniform(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  return Array.from({ length: count }, () => {
    const label = labels[below(labels.length)];
    const text = Array.from({ length: 1 + below(9) }, () => words[below(words.length)]).filter(
      (w) => !labels.includes(w),
    );
    text.splice(below(text.length + 1), 0, label);
    return { text: text.join(" "), label };
  });
}

/** Examples of the same kind as ids. */
export function tinyExamples(count: number, seed = 1): Example[] {
  const tokenizer = tinyTokenizer();
  return tinyRows(count, seed).map(({ text, label }) => ({
    inputIds: tokenizer.encode(text).ids,
    labels: labels.indexOf(label),
  }));
}

/** All parameters as bytes, by name. */
export async function bitsOf(parameters: Map<string, Tensor>): Promise<Map<string, string>> {
  const bits = new Map<string, string>();
  for (const [name, tensor] of parameters) {
    bits.set(name, Buffer.from(((await tensor.data()) as Float32Array).buffer).toString("base64"));
  }
  return bits;
}

/** Runs to the end; what does not repeat (speed) is left out. */
export async function eventsOf(
  run: AsyncIterable<TrainEvent>,
): Promise<Omit<TrainEvent, "tokensPerSecond">[]> {
  const events: Omit<TrainEvent, "tokensPerSecond">[] = [];
  for await (const { tokensPerSecond: _, ...event } of run) events.push(event);
  return events;
}
