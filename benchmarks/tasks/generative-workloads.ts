// The workloads of models that generate.
import { type Row, shuffle } from "../../src/data/index.js";
import { byHeart, type DataPart, type SmallModel, standardArgs, type TaskWorkload } from "./workload.js";

const gpt2: SmallModel = {
  title: "GPT-2, 4 layers, 128 wide",
  config: {
    ...{ model_type: "gpt2", n_embd: 128, n_layer: 4, n_head: 4, n_positions: 128 },
    ...{ bos_token_id: 0, eos_token_id: 0, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 },
  },
};

const twoSides = {
  ...{ d_model: 128, encoder_layers: 2, decoder_layers: 2, encoder_ffn_dim: 512, decoder_ffn_dim: 512 },
  ...{ encoder_attention_heads: 4, decoder_attention_heads: 4 },
  ...{ dropout: 0, attention_dropout: 0, activation_dropout: 0 },
};

// Its decoder begins with padding, which is never an answer.
const marian: SmallModel = {
  title: "Marian, 2 and 2 layers, 128 wide",
  config: {
    ...{ model_type: "marian", ...twoSides, max_position_embeddings: 128, scale_embedding: true },
    ...{ activation_function: "swish", eos_token_id: 0, forced_eos_token_id: 0 },
    ...{ pad_token_id: 2, decoder_start_token_id: 2, bad_words_ids: [[2]] },
  },
};

// With BART's own small embeddings the decoder learns the summaries long before it learns which source they are of.
const bart: SmallModel = {
  title: "BART, 2 and 2 layers, 128 wide",
  config: {
    ...{ model_type: "bart", ...twoSides, max_position_embeddings: 256, bos_token_id: 0, pad_token_id: 1 },
    ...{ eos_token_id: 2, forced_eos_token_id: 2, decoder_start_token_id: 2 },
    ...{ init_std: 0.05, scale_embedding: true },
  },
};

const SHAKESPEARE_TRAIN = 36_000; // of 40,000 lines
const shakespeare = { file: "lm/tinyshakespeare/input.txt.gz" };

// The file is in order of length: these have up to some 30 characters.
const SHORT_PAIRS = 16_000;
const HELD_OUT_SOURCES = 400;

/**
 * Short pairs whose English sentence is among those held out, all translations of one in a row; or the other pairs.
 */
export function shortPairs(part: "train" | "held out") {
  return (rows: Row[]): Row[] => {
    const translations = new Map<unknown, unknown[]>();
    for (const { source, target } of rows.slice(0, SHORT_PAIRS)) {
      const known = translations.get(source);
      if (known) known.push(target);
      else translations.set(source, [target]);
    }
    const sources = shuffle([...translations], 1);
    if (part === "held out") {
      return sources.slice(0, HELD_OUT_SOURCES).map(([source, target]) => ({ source, target }));
    }
    return sources
      .slice(HELD_OUT_SOURCES)
      .flatMap(([source, targets]) => targets.map((target) => ({ source, target })));
  };
}

const tatoeba: DataPart = {
  file: "translation/tatoeba-en-de/deu-every5th.txt.gz",
  reading: { format: "tsv", columns: ["source", "target"] },
};

export const generativeWorkloads: readonly TaskWorkload[] = [
  {
    name: "causal-language-modeling/tiny-shakespeare",
    ...{ task: "causal-language-modeling", metric: "perplexity", lossWithin: 0.01 },
    settings: { maxLength: 128, rowEnd: "\n" },
    vocabulary: { size: 2000, columns: ["text"], specialTokens: ["<|endoftext|>"], template: "$A" },
    model: gpt2,
    train: { ...shakespeare, select: (rows) => rows.slice(0, SHAKESPEARE_TRAIN) },
    evaluate: { ...shakespeare, select: (rows) => rows.slice(SHAKESPEARE_TRAIN) },
    args: { ...standardArgs, maxSteps: 500, batchSize: 16 },
  },
  {
    name: "translation/tatoeba-en-de",
    ...{ task: "translation", metric: "bleu" },
    settings: { maxSourceLength: 64, maxTargetLength: 64, numBeams: 4, maxNewTokens: 40 },
    vocabulary: {
      ...{ size: 3000, columns: ["source", "target"] },
      ...{ specialTokens: ["</s>", "<unk>", "<pad>"], template: "$A </s>" },
    },
    model: marian,
    train: { ...tatoeba, select: shortPairs("train") },
    evaluate: { ...tatoeba, select: shortPairs("held out") },
    args: { ...standardArgs, epochs: 8, batchSize: 64 },
  },
  {
    name: "summarization/scitldr",
    ...{ task: "summarization", metric: "rougeL", atLeast: 95 },
    settings: {
      ...{ documentColumn: "source", summaryColumn: "target", maxSourceLength: 192, maxTargetLength: 64 },
      ...{ numBeams: 4, maxNewTokens: 64 },
    },
    vocabulary: {
      ...{ size: 2000, columns: ["source", "target"] },
      ...{ specialTokens: ["<s>", "<pad>", "</s>", "<unk>"], template: "<s> $A </s>" },
    },
    model: bart,
    train: { file: "summarization/scitldr-a/train.jsonl.gz", rows: 200 },
    args: { ...byHeart, epochs: 50 },
  },
];
