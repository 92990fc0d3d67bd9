// mBART's tokenizer from `sentencepiece.bpe.model`: XLM-R's ids with 25 language codes before the mask. A
// text ends with `</s>` and the code of its language, that of the target where `target` is set. As in the
// reference, characters are not normalized. Source: transformers 5.18, models/mbart/tokenization_mbart.py.

import { readSentencePiece } from "../sentencepiece/model-file.js";
import { PLAIN_SETTINGS, type TokenizerSource } from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { Family } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { type CommonOptions, checkFamilyOptions } from "./options.js";
import {
  idFinder,
  markedWordsJson,
  metaspaceJson,
  type ScoredPiece,
  symbolTokens,
  templateJson,
  unigramJson,
} from "./sentencepiece.js";
import { folderSettings, folderTokens } from "./settings.js";
import {
  FAIRSEQ_SPECIAL,
  FAIRSEQ_TOKEN_OPTIONS,
  FAIRSEQ_UNKNOWN,
  fairseqVocabulary,
  type XlmRobertaTokenizerOptions,
} from "./xlm-roberta.js";

// In the order of their ids.
const LANGUAGES = [
  "ar_AR",
  "cs_CZ",
  "de_DE",
  "en_XX",
  "es_XX",
  "et_EE",
  "fi_FI",
  "fr_XX",
  "gu_IN",
  "hi_IN",
  "it_IT",
  "ja_XX",
  "kk_KZ",
  "ko_KR",
  "lt_LT",
  "lv_LV",
  "my_MM",
  "ne_NP",
  "nl_XX",
  "ro_RO",
  "ru_RU",
  "si_LK",
  "tr_TR",
  "vi_VN",
  "zh_CN",
];

/** Options of mBART's tokenizer: those of tokenizer_config.json. */
export interface MbartTokenizerOptions
  extends Omit<XlmRobertaTokenizerOptions, "addPrefixSpace">,
    CommonOptions {
  /** The language of the text, such as `ro_RO`. Default `en_XX`. */
  srcLang?: string;
  /** The language of target text. Default: that of the text. */
  tgtLang?: string;
}

/** mBART. */
export const mbartFamily: Family = {
  classes: ["MBartTokenizer"],
  modelTypes: ["mbart"],
  files: ["sentencepiece.bpe.model"],
  json: {
    options: { srcLang: "token", tgtLang: "token" },
    adjust: (source, folder, options) => withLanguages(source, folder, options),
  },
  async load(folder, options) {
    const kinds = { ...FAIRSEQ_TOKEN_OPTIONS, srcLang: "token", tgtLang: "token" } as const;
    checkFamilyOptions("AutoTokenizer", options, kinds);
    const bytes = await folder.bytes("sentencepiece.bpe.model");
    return new Tokenizer(partsOf(mbartSource(bytes, folder, options)));
  },
};

function mbartSource(
  bytes: Uint8Array,
  folder: TokenizerFolder,
  options: MbartTokenizerOptions,
): TokenizerSource {
  const file = readSentencePiece(bytes);
  const defaults = { ...PLAIN_SETTINGS, className: "MBartTokenizer" };
  const settings = folderSettings(folder, { ...options }, defaults);
  const named = folderTokens(folder, { ...options }, FAIRSEQ_SPECIAL);
  const mask = named.special.mask ?? FAIRSEQ_SPECIAL.mask;
  const source: TokenizerSource = {
    stages: {
      normalizer: null,
      pre_tokenizer: markedWordsJson(true),
      post_processor: null,
      decoder: metaspaceJson(true),
      model: unigramJson(fairseqVocabulary(file, named.special, LANGUAGES), FAIRSEQ_UNKNOWN),
    },
    added: [
      ...symbolTokens(file),
      ...LANGUAGES.map((content) => ({ content, special: true })),
      ...named.tokens,
      // The blank before the mask belongs to it, unless the files say otherwise
      ...(isObject(folder.config.mask_token) ? [] : [{ content: mask, special: true, lstrip: true }]),
    ],
    settings: { ...settings, special: named.special },
  };
  return withLanguages(source, folder, options);
}

function withLanguages(
  source: TokenizerSource,
  { config }: TokenizerFolder,
  options: Pick<MbartTokenizerOptions, "srcLang" | "tgtLang">,
): TokenizerSource {
  const id = idFinder("MBartTokenizer", source.stages.model.vocab as ScoredPiece[]);
  const eos = source.settings.special.eos ?? FAIRSEQ_SPECIAL.eos;
  const language = (...stated: unknown[]) => stated.find((code) => typeof code === "string") as string;
  const srcLang = language(options.srcLang, config.src_lang, "en_XX");
  const tgtLang = language(options.tgtLang, config.tgt_lang, srcLang);
  const template = (code: string): Json =>
    templateJson(`$A ${eos} ${code}`, `$A $B ${eos} ${code}`, { [eos]: id(eos), [code]: id(code) });
  return {
    ...source,
    stages: { ...source.stages, post_processor: template(srcLang) },
    targetPostProcessor: template(tgtLang),
    settings: {
      ...source.settings,
      config: { ...source.settings.config, src_lang: srcLang, tgt_lang: tgtLang },
    },
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
