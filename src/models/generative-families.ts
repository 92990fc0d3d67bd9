// The families that generate: decoders alone, and encoder-decoders. As rows of the table in families.ts.
import { type BartVariant, bart, bartProjection, makeBart, marian, mbart } from "./bart.js";
import { bertPairProjection, makeBertPair } from "./bert-pair.js";
import { causalLanguageModel } from "./causal-language-model-head.js";
import type { Family } from "./families.js";
import { Gpt2Decoder } from "./gpt2.js";
import { bare } from "./heads.js";
import {
  bareEncoderDecoder,
  conditionalGeneration,
  type Shift,
  shiftAround,
  shiftRight,
} from "./seq2seq-heads.js";
import { makeT5, mt5Defaults, t5Defaults, t5Projection } from "./t5.js";

function bartFamily(className: string, variant: BartVariant, architecture: string, shift: Shift): Family {
  const head = conditionalGeneration({ shift, projection: bartProjection });
  return {
    className,
    architectures: { ForSeq2SeqLM: architecture },
    prefix: "model.",
    encoder: (store, prefix, config) => makeBart(store, prefix, config, variant),
    // Marian alone does not read the source for want of a target.
    heads: { Model: bareEncoderDecoder(variant.ownWords ? undefined : shift), ForSeq2SeqLM: head },
    rules: {
      aliases: [
        [/^(model\.)?(encoder|decoder)\.embed_tokens\.weight$/, "$1shared.weight"],
        [/^lm_head\.weight$/, "model.shared.weight"],
      ],
      ignored: [
        /^(model\.)?(encoder|decoder)\.(version|embed_positions\.weight)$/,
        /^(final_logits_bias|lm_head\.weight)$/,
      ],
      optional: [/^final_logits_bias$/],
    },
  };
}

function t5Family(className: string, defaults: typeof t5Defaults, scaled: boolean): Family {
  const head = conditionalGeneration({ shift: shiftRight, projection: t5Projection(scaled) });
  return {
    className,
    architectures: { ForSeq2SeqLM: `${className}ForConditionalGeneration` },
    prefix: "",
    encoder: (store, prefix, config) => makeT5(store, prefix, config, defaults),
    heads: { Model: bareEncoderDecoder(), ForSeq2SeqLM: head },
    rules: {
      aliases: [[/^(encoder|decoder)\.embed_tokens\.weight$/, "shared.weight"]],
      // A table that early files hold and nothing reads.
      ignored: [/^lm_head\.weight$/, /EncDecAttention\.relative_attention_bias\.weight$/],
    },
  };
}

const bertPair: Family = {
  className: "EncoderDecoder",
  architectures: { ForSeq2SeqLM: "EncoderDecoderModel" },
  prefix: "",
  encoder: (store, _, config) => makeBertPair(store, config),
  heads: { ForSeq2SeqLM: conditionalGeneration({ shift: shiftRight, projection: bertPairProjection }) },
  rules: {
    aliases: [
      [/^decoder\.cls\.predictions\.decoder\.bias$/, "decoder.cls.predictions.bias"],
      [/^decoder\.cls\.predictions\.decoder\.weight$/, "decoder.bert.embeddings.word_embeddings.weight"],
    ],
    ignored: [/embeddings\.(position_ids|token_type_ids)$/],
  },
};

export const generativeFamilies: [string, Family][] = [
  [
    "gpt2",
    {
      className: "GPT2",
      architectures: { ForCausalLM: "GPT2LMHeadModel" },
      prefix: "transformer.",
      encoder: (store, prefix, config) => new Gpt2Decoder(store, prefix, config),
      heads: { Model: bare, ForCausalLM: causalLanguageModel },
      // Masks that older versions stored, and the second copy of the word embeddings.
      rules: { aliases: [], ignored: [/\.attn\.(bias|masked_bias)$/, /^lm_head\.weight$/] },
    },
  ],
  ["t5", t5Family("T5", t5Defaults, true)],
  ["bart", bartFamily("Bart", bart, "BartForConditionalGeneration", shiftRight)],
  ["mbart", bartFamily("MBart", mbart, "MBartForConditionalGeneration", shiftAround)],
  ["marian", bartFamily("Marian", marian, "MarianMTModel", shiftRight)],
  ["encoder-decoder", bertPair],
  ["mt5", t5Family("MT5", mt5Defaults, false)],
];
