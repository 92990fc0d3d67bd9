// What the examples share: the bundled files, and a model that is either given or small and fresh.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import {
  type AutoClass,
  AutoTokenizer,
  BertTokenizer,
  type FromPretrainedOptions,
  type Model,
  type ModelConfig,
  type Tokenizer,
} from "../src/index.js";

/** A file of examples/ in the repository, from dist/examples/. */
export const bundled = (path: string) => new URL(`../../examples/${path}`, import.meta.url);

export interface SmallBert {
  /** A folder or a Hub repository instead of fresh weights. */
  model?: string;
  /** Width of fresh weights. */
  width: number;
  /** Longest sequence. */
  positions: number;
  /** Default 0.1. Dropout only slows what is to be learnt by heart. */
  dropout?: number;
  /** A vocab.txt, plain or gzipped; default bert-base-uncased's. */
  vocabulary?: string;
  /** Beside the sizes, of fresh weights. */
  config?: ModelConfig;
  /** Labels and the like. */
  head?: FromPretrainedOptions;
}

/** A model with its tokenizer: two layers with fresh weights, or what a folder holds. */
export async function loadModel(
  auto: AutoClass,
  { model, width, positions, dropout = 0.1, vocabulary, config: other, head }: SmallBert,
): Promise<{ model: Model; tokenizer: Tokenizer }> {
  if (model !== undefined) {
    const how = { ignoreMismatchedSizes: true, ...head };
    return {
      tokenizer: await AutoTokenizer.fromPretrained(model),
      model: await auto.fromPretrained(model, how),
    };
  }
  const bytes = await readFile(vocabulary ?? bundled("vocab/bert-base-uncased/vocab.txt.gz"));
  const words = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString().trimEnd().split("\n");
  const config = {
    ...{ model_type: "bert", vocab_size: words.length, max_position_embeddings: positions },
    ...{ hidden_size: width, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 4 * width },
    ...{ hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
    ...other,
    ...head?.config,
  };
  const tokenizer = BertTokenizer.fromVocabulary(words, { modelMaxLength: positions });
  return { tokenizer, model: await auto.fromConfig(config, head) };
}

/** Saves both where there is a folder to save them to. */
export async function saveModel(
  model: Model,
  tokenizer: Tokenizer,
  folder: string | undefined,
): Promise<void> {
  if (folder === undefined) return;
  await model.savePretrained(folder);
  await tokenizer.save(folder);
}
