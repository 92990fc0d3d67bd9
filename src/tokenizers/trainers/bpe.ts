// Trains BPE and, as the tokenizers library does, WordPiece, whose vocabulary is that of BPE with marked
// symbols.

import { checkInteger, checkObject, wrong } from "../options.js";
import type { Json } from "../stages.js";
import { type AlphabetOptions, alphabetOf } from "./alphabet.js";
import { Pace } from "./pace.js";
import { PairMerges } from "./pair-merges.js";
import { countWords, splitAtBlanks, type Texts, type TrainingTexts } from "./word-counts.js";

/** Options of `trainBpe`. */
export interface BpeTrainerOptions extends TrainingTexts, AlphabetOptions {
  /** Number of tokens, special ones included. Default 30000. Fewer, when the text does not give as many. */
  vocabSize?: number;
  /** How often a pair must occur to become one. Default 0. */
  minFrequency?: number;
  /** Get the first ids. Default none. */
  specialTokens?: readonly string[];
  /** Marks a token inside a word, such as `##`. Default none. */
  continuingSubwordPrefix?: string;
  /** Marks a token at the end of a word, such as `</w>`. Default none. */
  endOfWordSuffix?: string;
  /** Most characters of a token. Default: no limit. */
  maxTokenLength?: number;
}

/** A vocabulary that was learned. */
export interface TrainedBpe {
  /** The id of a token is its place: special tokens, characters, what was merged in order. */
  tokens: string[];
  /** The two parts of each merge, in order. */
  merges: [string, string][];
  /** The `model` of a tokenizer.json. */
  model: Json;
}

/**
 * Learns a BPE vocabulary. The same texts and options give the same vocabulary.
 *
 * @throws AthanorError ERR_ARGUMENT (rejection): texts or options of the wrong kind, no word at all.
 * ERR_ABORTED: the
 *   signal.
 * @example
 * const { model } = await trainBpe(["low lower lowest"], { vocabSize: 12 });
 */
export async function trainBpe(texts: Texts, options: BpeTrainerOptions = {}): Promise<TrainedBpe> {
  const { tokens, merges } = await train("trainBpe", texts, options, "");
  const model: Json = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: options.continuingSubwordPrefix ?? null,
    end_of_word_suffix: options.endOfWordSuffix ?? null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
  return { tokens, merges, model };
}

/** Options of `trainWordPiece`. */
export interface WordPieceTrainerOptions extends Omit<BpeTrainerOptions, "maxTokenLength"> {
  /** Must be among `specialTokens`. Default `[UNK]`. */
  unkToken?: string;
}

/**
 * Learns a WordPiece vocabulary; tokens inside a word carry `##` unless `continuingSubwordPrefix` says
 * otherwise. Its `tokens` are what `BertTokenizer.fromVocabulary` takes.
 *
 * @throws AthanorError ERR_ARGUMENT (rejection): as `trainBpe`, or no unknown token among the special ones.
 * @example
 * const { tokens } = await trainWordPiece(["some text"], {
 *   specialTokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
 * });
 */
export async function trainWordPiece(
  texts: Texts,
  options: WordPieceTrainerOptions = {},
): Promise<{ tokens: string[]; model: Json }> {
  const who = "trainWordPiece";
  const {
    unkToken = "[UNK]",
    specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ...rest
  } = options;
  if (!specialTokens.includes(unkToken)) {
    throw wrong(who, "specialTokens", `a list with ${JSON.stringify(unkToken)}`, specialTokens);
  }
  const prefix = options.continuingSubwordPrefix ?? "##";
  const { tokens } = await train(who, texts, { ...rest, specialTokens }, prefix);
  const model: Json = {
    type: "WordPiece",
    unk_token: unkToken,
    continuing_subword_prefix: prefix,
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
  };
  return { tokens, model };
}

async function train(
  who: string,
  texts: Texts,
  options: BpeTrainerOptions,
  defaultPrefix: string,
): Promise<{ tokens: string[]; merges: [string, string][] }> {
  checkOptions(who, options);
  const pace = new Pace(who, options);
  const words = await countWords(who, texts, options.words ?? splitAtBlanks, pace);
  const prefix = options.continuingSubwordPrefix ?? defaultPrefix;
  const suffix = options.endOfWordSuffix ?? "";
  const symbols = [
    ...new Set([...(options.specialTokens ?? []), ...(await alphabetOf(words, options, pace))]),
  ];
  const split = await splitWords(words, symbols, prefix, suffix, pace);
  const merges = new PairMerges({
    ...split,
    vocabSize: options.vocabSize ?? 30_000,
    minFrequency: options.minFrequency ?? 0,
    continuingSubwordPrefix: prefix,
    maxTokenLength: options.maxTokenLength ?? Number.POSITIVE_INFINITY,
  });
  await merges.run(pace);
  const tokens = split.symbols;
  return { tokens, merges: merges.merges.map(([left, right]) => [tokens[left], tokens[right]]) };
}

// Words as ids of their characters; those outside the alphabet are left out. Marked characters are symbols of
// their own, in the order of their text, so that ids do not depend on the order of the words.
async function splitWords(
  counts: ReadonlyMap<string, number>,
  alphabet: readonly string[],
  prefix: string,
  suffix: string,
  pace: Pace,
): Promise<{ symbols: string[]; words: Int32Array[]; counts: number[] }> {
  const known = new Set(alphabet);
  const marked = new Set<string>();
  const split: string[][] = [];
  for (const word of counts.keys()) {
    const characters = [...word];
    const parts: string[] = [];
    for (let i = 0; i < characters.length; i++) {
      if (!known.has(characters[i])) continue;
      const part = (i > 0 ? prefix : "") + characters[i] + (i === characters.length - 1 ? suffix : "");
      if (!known.has(part)) marked.add(part);
      parts.push(part);
    }
    split.push(parts);
    if (pace.isDue()) await pace.rest("split words", split.length, counts.size);
  }
  const symbols = [...alphabet, ...[...marked].sort()];
  const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  const words: Int32Array[] = [];
  for (const parts of split) {
    words.push(Int32Array.from(parts, (part) => ids.get(part)!));
    if (pace.isDue()) await pace.rest("split words", words.length, counts.size);
  }
  return { symbols, words, counts: [...counts.values()] };
}

function checkOptions(who: string, options: BpeTrainerOptions): void {
  checkObject(who, options);
  for (const name of ["vocabSize", "limitAlphabet", "maxTokenLength"] as const) {
    if (options[name] !== undefined) checkInteger(who, name, options[name], 1);
  }
  if (options.minFrequency !== undefined) checkInteger(who, "minFrequency", options.minFrequency, 0);
  for (const name of ["specialTokens", "initialAlphabet"] as const) {
    const list: unknown = options[name] ?? [];
    const isList = Array.isArray(list) && list.every((entry) => typeof entry === "string" && entry !== "");
    if (!isList) throw wrong(who, name, "an array of strings", list);
  }
}
