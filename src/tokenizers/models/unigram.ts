// Unigram (Kudo 2018, "Subword Regularization"): every piece has a log probability, and a word becomes the
// pieces with the greatest sum. Unknown characters side by side are one token; with byte fallback they become
// the pieces of their bytes instead. Source: tokenizers 0.23.2, models/unigram/model.rs.

import { AthanorError } from "../../errors.js";
import type { Fields } from "../fields.js";
import type { NormalizedText } from "../normalized-text.js";
import type { Json, Model } from "../stages.js";
import type { TokenList } from "../token-list.js";
import { bytePieces, pushBytes } from "./byte-pieces.js";
import { DoubleArray } from "./double-array.js";
import { UNKNOWN_PIECE } from "./segmenter.js";
import { Viterbi } from "./viterbi.js";
import { WordCache } from "./word-cache.js";

// How much less an unknown character scores than the least likely piece.
const UNKNOWN_PENALTY = 10;

/** Options of Unigram. */
export interface UnigramOptions {
  /** Id of the piece for what the vocabulary lacks; null: a text that needs it is an error. */
  unkId: number | null;
  /** Turn unknown characters into pieces like `<0xE2>`, if all of them are there. Default false. */
  byteFallback?: boolean;
}

/** Segmentation by a unigram language model. */
export class Unigram implements Model {
  readonly #pieces: readonly string[];
  readonly #scores: Float64Array;
  readonly #trie: DoubleArray;
  readonly #unknown: number | null;
  readonly #bytes: Int32Array | null;
  readonly #viterbi: Viterbi;
  readonly #cache = new WordCache();

  /**
   * @param pieces the vocabulary: the id of a piece is its place.
   * @param scores the log probability of each.
   * @throws AthanorError ERR_TOKENIZER: no pieces; a piece that is empty, no string or repeated; a score that
   * is no
   *   finite number; another number of scores than of pieces; an unknown id outside the vocabulary.
   */
  constructor(pieces: readonly string[], scores: ArrayLike<number>, options: UnigramOptions) {
    check(pieces, scores, options.unkId);
    this.#pieces = pieces;
    this.#scores = Float64Array.from(scores);
    this.#trie = new DoubleArray(pieces, Int32Array.from(pieces.keys()));
    this.#unknown = options.unkId;
    this.#bytes = options.byteFallback ? bytePieces((piece) => this.tokenToId(piece)) : null;
    let least = Number.POSITIVE_INFINITY;
    for (const score of this.#scores) least = Math.min(least, score);
    this.#viterbi = new Viterbi(this.#trie, this.#scores, least - UNKNOWN_PENALTY, false);
  }

  get size(): number {
    return this.#pieces.length;
  }

  tokenToId(token: string): number | undefined {
    if (token === "") return undefined;
    const id = this.#trie.get(token);
    return id < 0 ? undefined : id;
  }

  idToToken(id: number): string | undefined {
    return this.#pieces[id];
  }

  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const { units, starts, ends } = text;
    const cache = this.#cache;
    if (cache.find(units, from, to)) {
      let begin = from;
      for (let i = cache.first; i < cache.last; i++) {
        const end = from + cache.ends[i];
        out.push(cache.ids[i], starts[begin], ends[end - 1], word);
        begin = end;
      }
      return;
    }
    const count = this.#viterbi.run(units, from, to);
    this.#append(text, from, to, count, word, out);
    this.#viterbi.clear();
  }

  toJson(): Json {
    return {
      type: "Unigram",
      unk_id: this.#unknown,
      vocab: this.#pieces.map((piece, id) => [piece, this.#scores[id]]),
      byte_fallback: this.#bytes !== null,
    };
  }

  vocabularyFiles(): Record<string, string> {
    return {};
  }

  // The path that the search found, in order; unknown characters side by side as one.
  #append(text: NormalizedText, from: number, to: number, count: number, word: number, out: TokenList): void {
    const { starts, ends } = text;
    const { ids, begins } = this.#viterbi;
    let anyUnknown = false;
    let unknownFrom = -1;
    for (let i = count - 1; i >= 0; i--) {
      const begin = from + begins[i];
      const end = i === 0 ? to : from + begins[i - 1];
      if (ids[i] === UNKNOWN_PIECE || ids[i] === this.#unknown) {
        if (unknownFrom < 0) unknownFrom = begin;
        anyUnknown = true;
        continue;
      }
      if (unknownFrom >= 0) this.#appendUnknown(text, unknownFrom, begin, word, out);
      unknownFrom = -1;
      out.push(ids[i], starts[begin], ends[end - 1], word);
    }
    if (unknownFrom >= 0) this.#appendUnknown(text, unknownFrom, to, word, out);
    if (!anyUnknown) this.#remember(text, from, to, count);
  }

  #appendUnknown(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const unknown = text.slice(from, to);
    const start = text.starts[from];
    const end = text.ends[to - 1];
    const id = this.tokenToId(unknown);
    if (id !== undefined) {
      out.push(id, start, end, word);
      return;
    }
    if (this.#bytes !== null && pushBytes(this.#bytes, unknown, start, end, word, out)) return;
    if (this.#unknown === null) {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `Unigram: the vocabulary must have an unknown piece for ${JSON.stringify(unknown)}, got unk_id null`,
      );
    }
    out.pushText(this.#unknown, start, end, word, unknown);
  }

  #remember(text: NormalizedText, from: number, to: number, count: number): void {
    const cache = this.#cache;
    const first = cache.add(text.units, from, to, count);
    if (first < 0) return;
    const { ids, begins } = this.#viterbi;
    for (let i = 0; i < count; i++) {
      cache.ids[first + i] = ids[count - 1 - i];
      cache.ends[first + i] = i === count - 1 ? to - from : begins[count - 2 - i];
    }
  }
}

function check(pieces: readonly string[], scores: ArrayLike<number>, unkId: number | null): void {
  if (pieces.length === 0) throw wrong("at least one piece", "none");
  if (scores.length !== pieces.length) throw wrong(`${pieces.length} scores`, `${scores.length}`);
  for (let id = 0; id < pieces.length; id++) {
    const piece: unknown = pieces[id];
    if (typeof piece !== "string" || piece === "")
      throw wrong(`a text as piece ${id}`, JSON.stringify(piece));
    if (!Number.isFinite(scores[id])) throw wrong(`a finite number as score ${id}`, `${scores[id]}`);
  }
  if (unkId !== null && !(Number.isInteger(unkId) && unkId >= 0 && unkId < pieces.length)) {
    throw wrong(`an unknown id from 0 to ${pieces.length - 1}, or null`, `${unkId}`);
  }
}

function wrong(needed: string, came: string): AthanorError {
  return new AthanorError("ERR_TOKENIZER", `Unigram: the vocabulary must hold ${needed}, got ${came}`);
}

/** Unigram of tokenizer.json: `vocab` is an array of pieces with their scores. */
export function readUnigram(fields: Fields): Unigram {
  const entries = fields.array("vocab");
  const pieces: string[] = new Array(entries.length);
  const scores = new Float64Array(entries.length);
  for (let id = 0; id < entries.length; id++) {
    const entry = entries[id];
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[1] !== "number") {
      throw fields.wrong("vocab", `pieces with a score each (entry ${id})`);
    }
    pieces[id] = entry[0];
    scores[id] = entry[1];
  }
  return new Unigram(pieces, scores, {
    unkId: fields.has("unk_id") ? fields.count("unk_id") : null,
    byteFallback: fields.boolean("byte_fallback", false),
  });
}
