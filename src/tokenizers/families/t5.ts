// T5's tokenizer from `spiece.model`: the pieces, then the sentinels `<extra_id_99>` to `<extra_id_0>`. Each
// text ends with `</s>`. Source: transformers 5.18, models/t5/tokenization_t5.py and T5Converter.

import { readSentencePiece } from "../sentencepiece/model-file.js";
import { PLAIN_SETTINGS, type TokenizerSource } from "../source.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { Family } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { type CommonOptions, checkFamilyOptions, type OptionKind } from "./options.js";
import {
  charsmapJson,
  idFinder,
  markedWordsJson,
  metaspaceJson,
  type ScoredPiece,
  scoredPieces,
  symbolTokens,
  templateJson,
  unigramJson,
} from "./sentencepiece.js";
import { folderSettings, folderTokens } from "./settings.js";

/** Options of T5's tokenizer: those of tokenizer_config.json. */
export interface T5TokenizerOptions extends CommonOptions {
  /** Default `</s>`. Must be in the vocabulary, as `unkToken`. */
  eosToken?: string;
  /** Default `<unk>`. */
  unkToken?: string;
  /** Default `<pad>`. */
  padToken?: string;
  /** How many sentinels follow the pieces. Default 100. */
  extraIds?: number;
}

const OWN_OPTIONS: Readonly<Record<string, OptionKind>> = {
  eosToken: "token",
  unkToken: "token",
  padToken: "token",
  extraIds: "count",
};
const SPECIAL = { eos: "</s>", unk: "<unk>", pad: "<pad>" };

/** T5 and the models that took over its tokenizer. */
export const t5Family: Family = {
  classes: ["T5Tokenizer"],
  modelTypes: ["t5", "mt5", "umt5", "longt5", "switch_transformers"],
  files: ["spiece.model"],
  async load(folder, options) {
    checkFamilyOptions("AutoTokenizer", options, OWN_OPTIONS);
    return new Tokenizer(partsOf(t5Source(await folder.bytes("spiece.model"), folder, options)));
  },
};

function t5Source(bytes: Uint8Array, folder: TokenizerFolder, options: T5TokenizerOptions): TokenizerSource {
  const file = readSentencePiece(bytes);
  const stated = options.extraIds ?? folder.config.extra_ids;
  const extraIds = Number.isSafeInteger(stated) ? (stated as number) : 100;
  const settings = folderSettings(folder, { ...options }, { ...PLAIN_SETTINGS, className: "T5Tokenizer" });
  const named = folderTokens(folder, { ...options }, SPECIAL);
  const sentinels = Array.from({ length: extraIds }, (_, i) => `<extra_id_${extraIds - 1 - i}>`);
  const vocab: ScoredPiece[] = [...scoredPieces(file), ...sentinels.map((token): ScoredPiece => [token, 0])];
  const eos = named.special.eos ?? SPECIAL.eos;
  const id = idFinder("T5Tokenizer", vocab);
  return {
    stages: {
      normalizer: charsmapJson(file)[0] ?? null,
      pre_tokenizer: markedWordsJson(true),
      post_processor: templateJson(`$A ${eos}`, `$A ${eos} $B ${eos}`, { [eos]: id(eos) }),
      decoder: metaspaceJson(true),
      model: unigramJson(vocab, file.unkId),
    },
    added: [
      ...symbolTokens(file),
      ...sentinels.map((content) => ({ content, special: true })),
      ...named.tokens,
    ],
    settings: {
      ...settings,
      special: named.special,
      config: { ...settings.config, extra_ids: extraIds },
    },
  };
}
