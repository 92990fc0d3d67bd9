// The families that generate: decoders alone, and encoder-decoders. As rows of the table in families.ts.
import { causalLanguageModel } from "./causal-language-model-head.js";
import type { Family } from "./families.js";
import { Gpt2Decoder } from "./gpt2.js";
import { bare } from "./heads.js";

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
];
