// What the families have in common whose vocabulary is a SentencePiece model and whose reference is the
// tokenizers library: Unigram over words that are marked by a blank in front.

import { CONTROL, type SentencePieceFile, USER_DEFINED } from "../sentencepiece/model-file.js";
import { missingToken, type SourceToken } from "../source.js";
import type { Json } from "../stages.js";

// The mark of a blank.
const MARK = "\u2581";

/** A piece and its score. */
export type ScoredPiece = readonly [piece: string, score: number];

/** The pieces of a model from a place on. */
export function scoredPieces({ pieces, scores }: SentencePieceFile, from = 0): ScoredPiece[] {
  const list: ScoredPiece[] = [];
  for (let id = from; id < pieces.length; id++) list.push([pieces[id], scores[id]]);
  return list;
}

/** The control pieces and the user-defined symbols: found in the text as they stand. */
export function symbolTokens({ pieces, types }: SentencePieceFile): SourceToken[] {
  const tokens: SourceToken[] = [];
  for (let id = 0; id < pieces.length; id++) {
    const special = types[id] === CONTROL;
    if (special || types[id] === USER_DEFINED)
      tokens.push({ content: pieces[id], special, normalized: false });
  }
  return tokens;
}

/** The model's part of tokenizer.json. */
export function unigramJson(vocab: readonly ScoredPiece[], unkId: number): Json {
  return { type: "Unigram", unk_id: unkId, vocab, byte_fallback: false };
}

/** The character map of a model as a normalizer, if it has one. */
export function charsmapJson({ charsmap }: SentencePieceFile): Json[] {
  if (charsmap.length === 0) return [];
  return [{ type: "Precompiled", precompiled_charsmap: Buffer.from(charsmap).toString("base64") }];
}

/** Words between white space, each with a mark in front. */
export function markedWordsJson(prefix: boolean): Json {
  return { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspaceJson(prefix)] };
}

/** Marks as blanks: pre-tokenizer and decoder. */
export function metaspaceJson(prefix: boolean): Json {
  return {
    type: "Metaspace",
    replacement: MARK,
    prepend_scheme: prefix ? "always" : "never",
    split: true,
  };
}

/**
 * A template: texts are `$A` and `$B`, anything else is a special token; a colon and a number at the end say
 * the type id, which is 0 otherwise.
 */
export function templateJson(single: string, pair: string, ids: Readonly<Record<string, number>>): Json {
  const piece = (part: string): Json => {
    const [, name, type] = /^(.*?)(?::(\d))?$/.exec(part)!;
    const typeId = Number(type ?? 0);
    if (name === "$A" || name === "$B") return { Sequence: { id: name.slice(1), type_id: typeId } };
    return { SpecialToken: { id: name, type_id: typeId } };
  };
  const special = Object.entries(ids).map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]);
  return {
    type: "TemplateProcessing",
    single: single.split(" ").map(piece),
    pair: pair.split(" ").map(piece),
    special_tokens: Object.fromEntries(special),
  };
}

/** Finds special tokens in a vocabulary. Throws ERR_TOKENIZER where one is missing. */
export function idFinder(who: string, vocab: readonly ScoredPiece[]): (token: string) => number {
  return (token) => {
    const id = vocab.findIndex(([piece]) => piece === token);
    if (id < 0) throw missingToken(who, token, vocab.length);
    return id;
  };
}
