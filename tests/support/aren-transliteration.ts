// A trained model that is in no layout of Transformers (fixtures/aren-transliteration): mBART's layers without a norm of
// embeddings, sides with words of their own, positions from 1. Made of the families' parts, its names mapped.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bartProjection, makeBart, marian } from "../../src/models/bart.js";
import type { ModelConfig } from "../../src/models/config.js";
import { Model } from "../../src/models/model.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { conditionalGeneration, shiftRight } from "../../src/models/seq2seq-heads.js";
import { ParameterStore } from "../../src/nn/parameter.js";

const folder = fileURLToPath(new URL("../../../tests/fixtures/aren-transliteration/", import.meta.url));
const WIDTH = 32;
const POSITIONS = 64;

export interface TransliterationCase {
  source_ids: number[];
  decoder_input_ids: number[];
  label_ids: number[];
  upstream_token_log_probs: number[];
  greedy: string[];
  target: string[];
  reference_logits_first_step: number[];
  reference_logits_last_step: number[];
  reference_encoder_output_first_token: number[];
}

export interface Transliterations {
  cases: TransliterationCase[];
  prefix_cases: { source: string[]; prefix: string[]; greedy_after_prefix: string[] }[];
}

export function transliterations(): Transliterations {
  return JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
}

export function vocabulary(side: "source" | "target"): string[] {
  return readFileSync(join(folder, `${side}_vocabulary.txt`), "utf8")
    .trimEnd()
    .split("\n");
}

const config: ModelConfig = {
  model_type: "marian",
  ...{ vocab_size: 51, decoder_vocab_size: 43, d_model: WIDTH, encoder_layers: 6, decoder_layers: 6 },
  ...{ encoder_attention_heads: 8, decoder_attention_heads: 8, encoder_ffn_dim: 128, decoder_ffn_dim: 128 },
  ...{ activation_function: "relu", max_position_embeddings: POSITIONS, scale_embedding: true },
  ...{ share_encoder_decoder_embeddings: false, tie_word_embeddings: false, dropout: 0 },
  ...{ pad_token_id: 0, decoder_start_token_id: 1, eos_token_id: 2 },
};

/** The original's name of each part of ours, and which rows of a fused projection. */
const projections: [ours: string, theirs: string, part: number][] = [
  ["self_attn.q_proj", "self_attention.linear_0", 0],
  ["self_attn.k_proj", "self_attention.linear_0", 1],
  ["self_attn.v_proj", "self_attention.linear_0", 2],
  ["self_attn.out_proj", "self_attention.linear_1", 0],
  ["encoder_attn.q_proj", "attention.linear_0", 0],
  ["encoder_attn.k_proj", "attention.linear_1", 0],
  ["encoder_attn.v_proj", "attention.linear_1", 1],
  ["encoder_attn.out_proj", "attention.linear_2", 0],
  ["self_attn_layer_norm", "self_attention.layer_norm", 0],
  ["encoder_attn_layer_norm", "attention.layer_norm", 0],
  ["fc1", "ffn.linear_0", 0],
  ["fc2", "ffn.linear_1", 0],
  ["final_layer_norm", "ffn.layer_norm", 0],
];

/** Sines of all frequencies, then cosines, of position + 1. */
function positionTable(): Float32Array {
  const table = new Float32Array(POSITIONS * WIDTH);
  const half = WIDTH / 2;
  for (let position = 0; position < POSITIONS; position++) {
    for (let i = 0; i < half; i++) {
      const angle = (position + 1) * Math.exp((-i * Math.log(10000)) / (half - 1));
      table[position * WIDTH + i] = Math.sin(angle);
      table[position * WIDTH + half + i] = Math.cos(angle);
    }
  }
  return table;
}

/** Name of the original's tensor, and where in it a parameter begins. */
function originOf(name: string, size: number): { name: string; begin: number } {
  if (name === "final_logits_bias") return { name: "decoder.projection.bias", begin: 0 };
  if (name === "lm_head.weight") return { name: "decoder.projection.weight", begin: 0 };
  const [, side, layer, rest, kind] =
    /^model\.(encoder|decoder)\.(?:layers\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(name) as RegExpExecArray;
  const normKind = kind === "weight" ? "gamma" : "beta";
  if (rest === "embed_tokens") return { name: `${side}.embeddings.weight`, begin: 0 };
  if (rest === "layer_norm") return { name: `${side}.layer_norm.${normKind}`, begin: 0 };
  const found = projections.find(([ours]) => ours === rest);
  if (!found) throw new Error(`${name}: not known`);
  const [, theirs, part] = found;
  const ending = theirs.endsWith("layer_norm") ? normKind : kind;
  return { name: `${side}.layer_${layer}.${theirs}.${ending}`, begin: part * size };
}

export async function loadTransliteration(): Promise<Model> {
  const store = new ParameterStore();
  const encoder = makeBart(store, "model.", config, { ...marian, preNorm: true });
  const head = conditionalGeneration({ shift: shiftRight, projection: bartProjection });
  const parts = { config, architecture: "Transliteration", store, encoder };
  const model = new Model({ ...parts, head: head.make(store, encoder, config) }, { device: "cpu" });
  const tensors = await readSafetensors(join(folder, "model.safetensors"));
  const used = new Set<string>();
  for (const { name, shape, tensor } of store.all()) {
    const size = shape.reduce((product, part) => product * part, 1);
    const origin = originOf(name, size);
    used.add(origin.name);
    tensor.set((tensors.get(origin.name)!.data as Float32Array).slice(origin.begin, origin.begin + size));
  }
  if (used.size !== tensors.size) throw new Error(`used ${used.size} of ${tensors.size} tensors`);
  store.get("model.encoder.embed_positions.weight")!.tensor.set(positionTable());
  model.generationConfig = { decoderStartTokenId: 1, eosTokenId: 2, padTokenId: 0 };
  return model;
}
