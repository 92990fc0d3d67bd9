// ALBERT's tokenizer from `spiece.model`. Source: transformers 5.18, models/albert/tokenization_albert.py.

import { readSentencePiece } from "../sentencepiece/model-file.js";
import { PLAIN_SETTINGS, type TokenizerSource } from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import type { Family } from "./family.js";
import type { TokenizerFolder } from "./folder.js";
import { type CommonOptions, checkFamilyOptions, type OptionKind } from "./options.js";
import {
  charsmapJson,
  idFinder,
  markedWordsJson,
  metaspaceJson,
  scoredPieces,
  symbolTokens,
  templateJson,
  unigramJson,
} from "./sentencepiece.js";
import { folderSettings, folderTokens } from "./settings.js";

/** Options of ALBERT's tokenizer: those of tokenizer_config.json. */
export interface AlbertTokenizerOptions extends CommonOptions {
  /** Default true. */
  doLowerCase?: boolean;
  /** Keep accents. Default false. */
  keepAccents?: boolean;
  /** Treat a text as if it began with a blank. Default true. */
  addPrefixSpace?: boolean;
  /** Default `[CLS]`. */
  clsToken?: string;
  /** Default `[SEP]`. */
  sepToken?: string;
  /** Default `[CLS]`. */
  bosToken?: string;
  /** Default `[SEP]`. */
  eosToken?: string;
  /** Default `<unk>`. */
  unkToken?: string;
  /** Default `<pad>`. */
  padToken?: string;
  /** Default `[MASK]`. */
  maskToken?: string;
}

const OWN_OPTIONS: Readonly<Record<string, OptionKind>> = {
  doLowerCase: "boolean",
  keepAccents: "boolean",
  addPrefixSpace: "boolean",
  clsToken: "token",
  sepToken: "token",
  bosToken: "token",
  eosToken: "token",
  unkToken: "token",
  padToken: "token",
  maskToken: "token",
};
const SPECIAL = {
  bos: "[CLS]",
  eos: "[SEP]",
  unk: "<unk>",
  sep: "[SEP]",
  pad: "<pad>",
  cls: "[CLS]",
  mask: "[MASK]",
};

/** ALBERT. */
export const albertFamily: Family = {
  classes: ["AlbertTokenizer"],
  modelTypes: ["albert"],
  files: ["spiece.model"],
  async load(folder, options) {
    checkFamilyOptions("AutoTokenizer", options, OWN_OPTIONS);
    return new Tokenizer(partsOf(albertSource(await folder.bytes("spiece.model"), folder, options)));
  },
};

function albertSource(
  bytes: Uint8Array,
  folder: TokenizerFolder,
  options: AlbertTokenizerOptions,
): TokenizerSource {
  const file = readSentencePiece(bytes);
  const { config } = folder;
  const lowerCase = options.doLowerCase ?? config.do_lower_case !== false;
  const keepAccents = options.keepAccents ?? config.keep_accents === true;
  const prefix = options.addPrefixSpace ?? config.add_prefix_space !== false;
  const settings = folderSettings(
    folder,
    { ...options },
    { ...PLAIN_SETTINGS, className: "AlbertTokenizer" },
  );
  const named = folderTokens(folder, { ...options }, SPECIAL);
  const vocab = scoredPieces(file);
  const cls = named.special.cls ?? SPECIAL.cls;
  const sep = named.special.sep ?? SPECIAL.sep;
  const id = idFinder("AlbertTokenizer", vocab);
  const replace = (text: string): Json => ({ type: "Replace", pattern: { String: text }, content: '"' });
  const normalizers: Json[] = [
    replace("``"),
    replace("''"),
    ...(keepAccents ? [] : [{ type: "NFKD" }, { type: "StripAccents" }]),
    ...(lowerCase ? [{ type: "Lowercase" }] : []),
    ...charsmapJson(file),
  ];
  return {
    stages: {
      normalizer: { type: "Sequence", normalizers },
      pre_tokenizer: markedWordsJson(prefix),
      post_processor: templateJson(`${cls} $A ${sep}`, `${cls} $A ${sep} $B:1 ${sep}:1`, {
        [cls]: id(cls),
        [sep]: id(sep),
      }),
      decoder: metaspaceJson(prefix),
      model: unigramJson(vocab, file.unkId),
    },
    added: [...symbolTokens(file), ...named.tokens],
    settings: {
      ...settings,
      special: named.special,
      config: {
        ...settings.config,
        do_lower_case: lowerCase,
        keep_accents: keepAccents,
        add_prefix_space: prefix,
      },
    },
  };
}
