// XLM-R's tokenizer from `sentencepiece.bpe.model`. The ids are those of fairseq: `<s>`, `<pad>`, `</s>`,
// `<unk>` take the first four places instead of the model's first three pieces, `<mask>` comes last. Source:
// transformers 5.18, models/xlm_roberta/tokenization_xlm_roberta.py and XLMRobertaConverter.

import { readSentencePiece, type SentencePieceFile } from "../sentencepiece/model-file.js";
import { PLAIN_SETTINGS, type SpecialTokens, type TokenizerSource } from "../source.js";
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

/** Options of XLM-R's tokenizer: those of tokenizer_config.json. */
export interface XlmRobertaTokenizerOptions extends CommonOptions {
  /** Treat a text as if it began with a blank. Default true. */
  addPrefixSpace?: boolean;
  /** Default `<s>`. */
  bosToken?: string;
  /** Default `</s>`. */
  eosToken?: string;
  /** Default `<s>`. */
  clsToken?: string;
  /** Default `</s>`. */
  sepToken?: string;
  /** Default `<unk>`. */
  unkToken?: string;
  /** Default `<pad>`. */
  padToken?: string;
  /** Default `<mask>`. */
  maskToken?: string;
}

/** The kinds of the options that name special tokens. */
export const FAIRSEQ_TOKEN_OPTIONS: Readonly<Record<string, OptionKind>> = {
  bosToken: "token",
  eosToken: "token",
  clsToken: "token",
  sepToken: "token",
  unkToken: "token",
  padToken: "token",
  maskToken: "token",
};

/** What fairseq calls its special tokens. */
export const FAIRSEQ_SPECIAL = {
  bos: "<s>",
  eos: "</s>",
  unk: "<unk>",
  sep: "</s>",
  pad: "<pad>",
  cls: "<s>",
  mask: "<mask>",
};
/** The id of the unknown piece. */
export const FAIRSEQ_UNKNOWN = 3;

/** XLM-R and the models that took over its tokenizer. */
export const xlmRobertaFamily: Family = {
  classes: ["XLMRobertaTokenizer"],
  modelTypes: ["xlm-roberta", "xlm-roberta-xl"],
  files: ["sentencepiece.bpe.model"],
  async load(folder, options) {
    checkFamilyOptions("AutoTokenizer", options, { ...FAIRSEQ_TOKEN_OPTIONS, addPrefixSpace: "boolean" });
    const bytes = await folder.bytes("sentencepiece.bpe.model");
    return new Tokenizer(partsOf(xlmRobertaSource(bytes, folder, options)));
  },
};

function xlmRobertaSource(
  bytes: Uint8Array,
  folder: TokenizerFolder,
  options: XlmRobertaTokenizerOptions,
): TokenizerSource {
  const file = readSentencePiece(bytes);
  const prefix = options.addPrefixSpace ?? folder.config.add_prefix_space !== false;
  const defaults = { ...PLAIN_SETTINGS, className: "XLMRobertaTokenizer" };
  const settings = folderSettings(folder, { ...options }, defaults);
  const named = folderTokens(folder, { ...options }, FAIRSEQ_SPECIAL);
  const vocab = fairseqVocabulary(file, named.special, []);
  const bos = named.special.bos ?? FAIRSEQ_SPECIAL.bos;
  const eos = named.special.eos ?? FAIRSEQ_SPECIAL.eos;
  const id = idFinder("XLMRobertaTokenizer", vocab);
  return {
    stages: {
      normalizer: charsmapJson(file)[0] ?? null,
      pre_tokenizer: markedWordsJson(prefix),
      post_processor: templateJson(`${bos} $A ${eos}`, `${bos} $A ${eos} ${eos} $B ${eos}`, {
        [bos]: id(bos),
        [eos]: id(eos),
      }),
      decoder: metaspaceJson(prefix),
      model: unigramJson(vocab, FAIRSEQ_UNKNOWN),
    },
    added: [...symbolTokens(file), ...named.tokens],
    settings: {
      ...settings,
      special: named.special,
      config: { ...settings.config, add_prefix_space: prefix },
    },
  };
}

/** fairseq's special tokens, the pieces after the model's own three, language codes, the mask. */
export function fairseqVocabulary(
  file: SentencePieceFile,
  special: SpecialTokens,
  languages: readonly string[],
): ScoredPiece[] {
  const name = (role: "bos" | "pad" | "eos" | "unk" | "mask") => special[role] ?? FAIRSEQ_SPECIAL[role];
  const first = [name("bos"), name("pad"), name("eos"), name("unk")];
  const last = [...languages, name("mask")];
  return [
    ...first.map((token): ScoredPiece => [token, 0]),
    ...scoredPieces(file, 3),
    ...last.map((token): ScoredPiece => [token, 0]),
  ];
}
