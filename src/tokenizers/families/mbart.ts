// mBART's tokenizers from `sentencepiece.bpe.model`: XLM-R's ids with language codes before the mask. A text of mBART
// (25 languages) ends with `</s>` and the code of its language, and characters are not normalized; a text of mBART-50
// (52 languages) begins with the code and ends with `</s>`. Source: transformers 5.18,
// models/mbart/tokenization_mbart.py and models/mbart50/tokenization_mbart50.py.

import type { Languages } from "../languages.js";
import { checkLanguage } from "../options.js";
import { readSentencePiece, type SentencePieceFile } from "../sentencepiece/model-file.js";
import { missingToken, PLAIN_SETTINGS, type StagesJson, type TokenizerSource } from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { Family } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { type CommonOptions, checkFamilyOptions } from "./options.js";
import {
  charsmapJson,
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
const LANGUAGES_25 =
  "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP " +
  "nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN";
const FURTHER_LANGUAGES_50 =
  "af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE " +
  "ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI";
const LANGUAGE_CODE = /^[a-z]{2,3}_[A-Z]{2}$/;

/** Options of mBART's tokenizers: those of tokenizer_config.json. */
export interface MbartTokenizerOptions
  extends Omit<XlmRobertaTokenizerOptions, "addPrefixSpace">,
    CommonOptions {
  /** The language of the text, such as `ro_RO`. Default `en_XX`. */
  srcLang?: string;
  /** The language of target text. Default: that of the text. */
  tgtLang?: string;
}

/** What sets the two apart. */
interface Layout {
  className: string;
  languages: readonly string[];
  special: typeof FAIRSEQ_SPECIAL | Omit<typeof FAIRSEQ_SPECIAL, "bos">;
  /** What surrounds the texts. */
  surround(texts: string, eos: string, code: string): string;
  stages(file: SentencePieceFile): Pick<StagesJson, "normalizer" | "pre_tokenizer">;
}

/** mBART. */
export const mbartFamily = family("mbart", {
  className: "MBartTokenizer",
  languages: LANGUAGES_25.split(" "),
  special: FAIRSEQ_SPECIAL,
  surround: (texts, eos, code) => `${texts} ${eos} ${code}`,
  stages: () => ({ normalizer: null, pre_tokenizer: markedWordsJson(true) }),
});

const { bos: _, ...WITHOUT_BOS } = FAIRSEQ_SPECIAL;
const SINGLE_BLANKS: Json = { type: "Replace", pattern: { Regex: " {2,}" }, content: " " };

/** mBART-50. */
export const mbart50Family = family("mbart50", {
  className: "MBart50Tokenizer",
  languages: `${LANGUAGES_25} ${FURTHER_LANGUAGES_50}`.split(" "),
  special: WITHOUT_BOS,
  surround: (texts, eos, code) => `${code} ${texts} ${eos}`,
  stages: (file) => ({
    normalizer: { type: "Sequence", normalizers: [...charsmapJson(file), SINGLE_BLANKS] },
    pre_tokenizer: metaspaceJson(true),
  }),
});

function family(modelType: string, layout: Layout): Family {
  return {
    classes: [layout.className],
    modelTypes: [modelType],
    files: ["sentencepiece.bpe.model"],
    json: {
      options: { srcLang: "token", tgtLang: "token" },
      adjust: (source, folder, options) => withLanguages(layout, source, folder, options),
    },
    async load(folder, options) {
      const kinds = { ...FAIRSEQ_TOKEN_OPTIONS, srcLang: "token", tgtLang: "token" } as const;
      checkFamilyOptions("AutoTokenizer", options, kinds);
      const bytes = await folder.bytes("sentencepiece.bpe.model");
      return new Tokenizer(partsOf(mbartSource(layout, bytes, folder, options)));
    },
  };
}

function mbartSource(
  layout: Layout,
  bytes: Uint8Array,
  folder: TokenizerFolder,
  options: MbartTokenizerOptions,
): TokenizerSource {
  const file = readSentencePiece(bytes);
  const { className, languages } = layout;
  const settings = folderSettings(folder, { ...options }, { ...PLAIN_SETTINGS, className });
  const named = folderTokens(folder, { ...options }, layout.special);
  const mask = named.special.mask ?? FAIRSEQ_SPECIAL.mask;
  const source: TokenizerSource = {
    stages: {
      ...layout.stages(file),
      post_processor: null,
      decoder: metaspaceJson(true),
      model: unigramJson(fairseqVocabulary(file, named.special, languages), FAIRSEQ_UNKNOWN),
    },
    added: [
      ...symbolTokens(file),
      ...languages.map((content) => ({ content, special: true })),
      ...named.tokens,
      // The blank before the mask belongs to it, unless the files say otherwise
      ...(isObject(folder.config.mask_token) ? [] : [{ content: mask, special: true, lstrip: true }]),
    ],
    settings: { ...settings, special: named.special },
  };
  return withLanguages(layout, source, folder, options);
}

function withLanguages(
  layout: Layout,
  source: TokenizerSource,
  { config }: TokenizerFolder,
  options: Pick<MbartTokenizerOptions, "srcLang" | "tgtLang">,
): TokenizerSource {
  const eos = source.settings.special.eos ?? FAIRSEQ_SPECIAL.eos;
  const ids = tokenIds(layout, source);
  const end = ids.get(eos);
  if (end === undefined) throw missingToken(layout.className, eos, ids.size);
  const codes = [...ids.keys()].filter((token) => token !== eos);
  const language = (name: "srcLang" | "tgtLang", ...stated: unknown[]): string | null => {
    const code = stated.find((own) => typeof own === "string") as string | undefined;
    if (code === undefined) return null;
    checkLanguage(layout.className, name, code, codes, "ERR_TOKENIZER");
    return code;
  };
  const srcLang = language("srcLang", options.srcLang, config.src_lang, "en_XX")!;
  const tgtLang = language("tgtLang", options.tgtLang, config.tgt_lang);
  const template = (code: string): Json => {
    const [single, pair] = ["$A", "$A $B"].map((texts) => layout.surround(texts, eos, code));
    return templateJson(single, pair, { [eos]: end, [code]: ids.get(code)! });
  };
  const templates = Object.fromEntries(codes.map((code) => [code, template(code)]));
  const languages: Languages = { templates, srcLang, tgtLang };
  const said = { src_lang: srcLang, ...(tgtLang !== null && { tgt_lang: tgtLang }) };
  return {
    ...source,
    stages: { ...source.stages, post_processor: templates[srcLang] },
    languages,
    settings: { ...source.settings, config: { ...source.settings.config, ...said } },
  };
}

/** The ids of the end and of the languages: those of the list, and special tokens that look like them. */
function tokenIds({ languages }: Layout, { stages, added, settings }: TokenizerSource): Map<string, number> {
  const further = added.filter(({ content, special }) => special && LANGUAGE_CODE.test(content));
  const eos = settings.special.eos ?? FAIRSEQ_SPECIAL.eos;
  const wanted = new Set([eos, ...languages, ...further.map(({ content }) => content)]);
  const ids = new Map<string, number>();
  const vocab = Array.isArray(stages.model.vocab) ? (stages.model.vocab as ScoredPiece[]) : [];
  for (const [id, [piece]] of vocab.entries()) if (wanted.has(piece)) ids.set(piece, id);
  for (const { content, id } of further) if (id !== undefined && !ids.has(content)) ids.set(content, id);
  return ids;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
