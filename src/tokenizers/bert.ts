// The tokenizer of BERT and of the models that took it over (DistilBERT, ELECTRA, ...), built from its
// vocabulary.

import { AthanorError } from "../errors.js";
import { type AddedToken, type AddedTokenOptions, AddedTokens, addedToken } from "./added-tokens.js";
import { bertFiles } from "./bert-files.js";
import { WordPieceDecoder } from "./decoders/wordpiece.js";
import { WordPiece } from "./models/wordpiece.js";
import { NormalizedText } from "./normalized-text.js";
import { BertNormalizer } from "./normalizers/bert.js";
import { checkChoice, checkInteger, checkObject, wrong } from "./options.js";
import { bertPostProcessor } from "./post-processors/bert.js";
import { BertPreTokenizer } from "./pre-tokenizers/bert.js";
import { Tokenizer, type TokenizerParts } from "./tokenizer.js";
import type { Side } from "./truncation.js";

/** Options of a BERT tokenizer: those of tokenizer_config.json. */
export interface BertTokenizerOptions {
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
  /** Most tokens that the model takes. Default Infinity. */
  modelMaxLength?: number;
  /** Default "right". */
  paddingSide?: Side;
  /** Default "right". */
  truncationSide?: Side;
  /** What `decode` does unless told otherwise. Default false. */
  cleanUpTokenizationSpaces?: boolean;
  /**
   * Tokens to be found in the text as they stand. Those that the vocabulary lacks get the ids after it, in
   * this order. The five special tokens are among them without being named.
   */
  addedTokens?: (string | AddedTokenOptions)[];
}

/** The names of the special tokens, by what they are for. */
export type BertSpecialTokens = Record<"unk" | "sep" | "pad" | "cls" | "mask", string>;

const NAMES: ReadonlySet<string> = new Set<keyof BertTokenizerOptions>([
  "doLowerCase",
  "stripAccents",
  "tokenizeChineseChars",
  "cleanText",
  "unkToken",
  "sepToken",
  "clsToken",
  "padToken",
  "maskToken",
  "modelMaxLength",
  "paddingSide",
  "truncationSide",
  "cleanUpTokenizationSpaces",
  "addedTokens",
]);

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
    return new BertTokenizer(bertParts(tokens, options));
  }
}

function bertParts(tokens: readonly string[], options: BertTokenizerOptions): TokenizerParts {
  checkBertOptions("BertTokenizer", options);
  const special: BertSpecialTokens = {
    unk: options.unkToken ?? "[UNK]",
    sep: options.sepToken ?? "[SEP]",
    pad: options.padToken ?? "[PAD]",
    cls: options.clsToken ?? "[CLS]",
    mask: options.maskToken ?? "[MASK]",
  };
  const model = new WordPiece(tokens, { unkToken: special.unk });
  const normalizer = new BertNormalizer({
    cleanText: options.cleanText,
    tokenizeChineseChars: options.tokenizeChineseChars,
    stripAccents: options.stripAccents,
    lowercase: options.doLowerCase,
  });
  const all = allAddedTokens(model, special, options.addedTokens ?? []);
  const added = new AddedTokens(all, (text) => {
    const out = new NormalizedText();
    normalizer.normalize(text, 0, text.length, out);
    return out.slice();
  });
  const idOf = (token: string): number => {
    const id = added.idOf(token);
    if (id !== undefined) return id;
    throw new AthanorError(
      "ERR_TOKENIZER",
      `BertTokenizer: the vocabulary must hold ${JSON.stringify(token)}, ` +
        `got ${tokens.length} tokens without it`,
    );
  };
  return {
    normalizer,
    preTokenizer: new BertPreTokenizer(),
    model,
    postProcessor: bertPostProcessor(idOf(special.cls), idOf(special.sep)),
    decoder: new WordPieceDecoder(),
    added,
    special,
    modelMaxLength: options.modelMaxLength ?? Number.POSITIVE_INFINITY,
    truncationSide: options.truncationSide ?? "right",
    paddingSide: options.paddingSide ?? "right",
    cleanUpTokenizationSpaces: options.cleanUpTokenizationSpaces ?? false,
    definition: () => ({ class: "BertTokenizer", vocabulary: tokens.join("\n"), options }),
    files: () => bertFiles(tokens, options, special, added),
  };
}

// Special tokens that the vocabulary has, and those the user adds, each with its id.
function allAddedTokens(
  model: WordPiece,
  special: BertSpecialTokens,
  more: readonly (string | AddedTokenOptions)[],
): AddedToken[] {
  const found = new Map<string, AddedToken>();
  for (const content of Object.values(special)) {
    const id = model.tokenToId(content);
    if (id !== undefined) found.set(content, addedToken({ content, special: true }, id));
  }
  let next = model.size;
  for (const entry of more) {
    const options = typeof entry === "string" ? { content: entry } : entry;
    const id = found.get(options.content)?.id ?? model.tokenToId(options.content) ?? next++;
    found.set(options.content, addedToken(options, id));
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

/** Throws ERR_ARGUMENT for unknown options and values of the wrong kind. */
export function checkBertOptions(who: string, options: BertTokenizerOptions): void {
  checkObject(who, options);
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw wrong(who, "option", `one of ${[...NAMES].join(", ")}`, name);
  }
  for (const name of [
    "doLowerCase",
    "tokenizeChineseChars",
    "cleanText",
    "cleanUpTokenizationSpaces",
  ] as const) {
    checkChoice(who, name, options[name] ?? true, [true, false]);
  }
  checkChoice(who, "stripAccents", options.stripAccents ?? null, [true, false, null]);
  for (const name of ["unkToken", "sepToken", "clsToken", "padToken", "maskToken"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) {
      throw wrong(who, name, "a string with at least one character", value);
    }
  }
  const { modelMaxLength } = options;
  if (modelMaxLength !== undefined && modelMaxLength !== Number.POSITIVE_INFINITY) {
    checkInteger(who, "modelMaxLength", modelMaxLength, 1);
  }
  for (const name of ["paddingSide", "truncationSide"] as const) {
    checkChoice(who, name, options[name] ?? "right", ["left", "right"]);
  }
  checkAddedTokens(who, options.addedTokens ?? []);
}

function checkAddedTokens(who: string, entries: unknown): void {
  if (!Array.isArray(entries)) throw wrong(who, "addedTokens", "an array", entries);
  for (const [index, entry] of entries.entries()) {
    const content: unknown = typeof entry === "string" ? entry : entry?.content;
    if (typeof content !== "string" || content === "") {
      throw wrong(who, `addedTokens[${index}]`, "a string, or an object with one in content", entry);
    }
  }
}
