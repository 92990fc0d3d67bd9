// The tokenizer of BERT and of the models that took it over (DistilBERT, ELECTRA, ...), built from its
// vocabulary.

import type { AddedTokenOptions } from "../added-tokens.js";
import { badTokenizer } from "../fields.js";
import { readTokens } from "../models/vocabulary.js";
import {
  missingToken,
  PLAIN_SETTINGS,
  type SourceToken,
  type SpecialTokens,
  type TokenizerSource,
} from "../source.js";
import type { Json } from "../stages.js";
import { partsOf, Tokenizer } from "../tokenizer.js";
import { type CommonOptions, checkFamilyOptions, type OptionKind } from "./options.js";

/** Options of a BERT tokenizer: those of tokenizer_config.json. */
export interface BertTokenizerOptions extends CommonOptions {
  /** Default true. */
  doLowerCase?: boolean;
  /** Default (null): as `doLowerCase`. */
  stripAccents?: boolean | null;
  /** Make every Chinese character a word. Default true. */
  tokenizeChineseChars?: boolean;
  /** Remove control characters, unify white space. Default true. */
  cleanText?: boolean;
  /** Default `[UNK]`. This one, `sepToken` and `clsToken` must be in the vocabulary. */
  unkToken?: string;
  /** Default `[SEP]`. */
  sepToken?: string;
  /** Default `[CLS]`. */
  clsToken?: string;
  /** Default `[PAD]`. A vocabulary without it cannot pad. */
  padToken?: string;
  /** Default `[MASK]`. */
  maskToken?: string;
}

/** The names of the special tokens, by what they are for. */
export type BertSpecialTokens = Record<"unk" | "sep" | "pad" | "cls" | "mask", string>;

const OWN_OPTIONS: Readonly<Record<Exclude<keyof BertTokenizerOptions, keyof CommonOptions>, OptionKind>> = {
  doLowerCase: "boolean",
  stripAccents: "boolean or null",
  tokenizeChineseChars: "boolean",
  cleanText: "boolean",
  unkToken: "token",
  sepToken: "token",
  clsToken: "token",
  padToken: "token",
  maskToken: "token",
};

/** WordPiece as in BERT. */
export class BertTokenizer extends Tokenizer {
  /**
   * A tokenizer from a vocabulary in memory: the id of a token is its place.
   *
   * @throws AthanorError ERR_TOKENIZER: an unusable vocabulary (empty, repeated tokens, no [UNK], [CLS] or
   *   [SEP]). ERR_ARGUMENT: an unknown option, or a value of the wrong kind.
   * @example
   * const tokenizer = BertTokenizer.fromVocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello"]);
   */
  static fromVocabulary(tokens: readonly string[], options: BertTokenizerOptions = {}): BertTokenizer {
    return new BertTokenizer(partsOf(bertSource(tokens, options)));
  }
}

/** What a BERT tokenizer is built from. */
export function bertSource(tokens: readonly string[], options: BertTokenizerOptions): TokenizerSource {
  checkBertOptions("BertTokenizer", options);
  const special: BertSpecialTokens = {
    unk: options.unkToken ?? "[UNK]",
    sep: options.sepToken ?? "[SEP]",
    pad: options.padToken ?? "[PAD]",
    cls: options.clsToken ?? "[CLS]",
    mask: options.maskToken ?? "[MASK]",
  };
  const ids = checkVocabulary(tokens);
  const added = allAddedTokens(ids, special, options.addedTokens ?? []);
  const idOf = (token: string): number => {
    const id = added.find((known) => known.content === token)?.id;
    if (id === undefined) throw missingToken("BertTokenizer", token, tokens.length);
    return id;
  };
  const normalizer = {
    type: "BertNormalizer",
    clean_text: options.cleanText ?? true,
    handle_chinese_chars: options.tokenizeChineseChars ?? true,
    strip_accents: options.stripAccents ?? null,
    lowercase: options.doLowerCase ?? true,
  };
  return {
    stages: {
      normalizer,
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: bertTemplate(special, idOf(special.cls), idOf(special.sep)),
      decoder: { type: "WordPiece", prefix: "##", cleanup: true },
      model: { type: "WordPiece", unk_token: special.unk, vocab: tokens },
    },
    added,
    settings: {
      ...PLAIN_SETTINGS,
      className: "BertTokenizer",
      special: onlyPresent(special, added),
      modelMaxLength: options.modelMaxLength ?? Number.POSITIVE_INFINITY,
      truncationSide: options.truncationSide ?? "right",
      paddingSide: options.paddingSide ?? "right",
      cleanUpTokenizationSpaces: options.cleanUpTokenizationSpaces ?? false,
      config: {
        do_lower_case: normalizer.lowercase,
        strip_accents: normalizer.strip_accents,
        tokenize_chinese_chars: normalizer.handle_chinese_chars,
        ...(normalizer.clean_text ? {} : { clean_text: false }),
      },
    },
  };
}

// [CLS] A [SEP] with type 0, then B [SEP] with type 1.
function bertTemplate(special: BertSpecialTokens, cls: number, sep: number): Json {
  const token = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const text = (id: "A" | "B", typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const single = [token(special.cls, 0), text("A", 0), token(special.sep, 0)];
  const entry = (id: string, number: number): [string, Json] => [id, { id, ids: [number], tokens: [id] }];
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, text("B", 1), token(special.sep, 1)],
    special_tokens: Object.fromEntries([entry(special.cls, cls), entry(special.sep, sep)]),
  };
}

// A special token that the vocabulary lacks is none.
function onlyPresent(special: BertSpecialTokens, added: readonly SourceToken[]): SpecialTokens {
  const known = new Set(added.map((token) => token.content));
  return Object.fromEntries(Object.entries(special).filter(([, token]) => known.has(token)));
}

// vocab.txt has one token per line. The model checks everything else.
function checkVocabulary(tokens: readonly string[]): Map<string, number> {
  if (!Array.isArray(tokens)) throw badTokenizer("WordPiece: the vocabulary", "an array of strings", tokens);
  readTokens("WordPiece", tokens);
  const ids = new Map<string, number>();
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    ids.set(token, id);
    if (token.includes("\n")) {
      throw badTokenizer(`WordPiece: token ${id}`, "a string without a line feed", JSON.stringify(token));
    }
  }
  return ids;
}

// Special tokens that the vocabulary has, and those the user adds, each with its id.
function allAddedTokens(
  ids: ReadonlyMap<string, number>,
  special: BertSpecialTokens,
  more: readonly (string | AddedTokenOptions)[],
): SourceToken[] {
  const found = new Map<string, SourceToken>();
  for (const content of Object.values(special)) {
    const id = ids.get(content);
    if (id !== undefined) found.set(content, { content, special: true, id });
  }
  let next = ids.size;
  for (const entry of more) {
    const options = typeof entry === "string" ? { content: entry } : entry;
    const id = found.get(options.content)?.id ?? ids.get(options.content) ?? next++;
    found.set(options.content, { ...options, id });
  }
  return [...found.values()].sort((a, b) => a.id! - b.id!);
}

/** Throws ERR_ARGUMENT for unknown options and values of the wrong kind. */
export function checkBertOptions(who: string, options: BertTokenizerOptions): void {
  checkFamilyOptions(who, options, OWN_OPTIONS);
}
