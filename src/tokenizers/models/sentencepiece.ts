// A SentencePiece model as the SentencePiece library runs it: the algorithm that its file names, over a whole
// text with marks for blanks. Not the same as Unigram over words: sums are in single precision, user-defined
// symbols win, pieces of the type "unused" are passed over. Source: model_interface.cc, unigram_model.cc and
// sentencepiece_processor.cc.

import type { AthanorError } from "../../errors.js";
import type { NormalizedText } from "../normalized-text.js";
import { NORMAL, type SentencePieceFile, UNUSED, USER_DEFINED } from "../sentencepiece/model-file.js";
import type { TokenList } from "../token-list.js";
import { bytePieces, pushBytes } from "./byte-pieces.js";
import { DoubleArray } from "./double-array.js";
import { PieceMerger } from "./piece-merger.js";
import { type Segmenter, UNKNOWN_PIECE } from "./segmenter.js";
import { TextPieces } from "./text-pieces.js";
import { Viterbi } from "./viterbi.js";
import { repeatedToken } from "./vocabulary.js";

const UNKNOWN_PENALTY = 10;

/** Takes a piece of a text: `text[from, to)`, with its id, or -1 when it is none. */
export type PieceSink = (id: number, from: number, to: number) => void;

/** The pieces of a model and the way to cut text into them. */
export class SentencePieceModel {
  readonly file: SentencePieceFile;
  /** From piece to id, for all types. */
  readonly ids: ReadonlyMap<string, number>;
  readonly #segmenter: Segmenter;
  readonly #bytes: Int32Array | null;
  readonly #symbols: DoubleArray | null;

  constructor(file: SentencePieceFile) {
    this.file = file;
    const { pieces, types } = file;
    this.ids = new Map(pieces.map((piece, id) => [piece, id]));
    this.#bytes = file.byteFallback ? bytePieces((piece) => this.ids.get(piece)) : null;
    if (this.ids.size < pieces.length) throw repeatedPiece(pieces);
    this.#symbols = types.includes(USER_DEFINED) ? trieOf(file, USER_DEFINED) : null;
    this.#segmenter = this.#makeSegmenter();
  }

  /** The end of the longest user-defined symbol at a place, or the place itself. */
  readonly symbolEnd = (units: Uint16Array, at: number, to: number): number => {
    if (this.#symbols === null) return at;
    const { codes, nodes } = this.#symbols;
    let node = 0;
    let end = at;
    for (let i = at; i < to; i++) {
      const code = codes[units[i]];
      const child = nodes[3 * node] + code;
      if (code === 0 || nodes[3 * child + 1] !== node) break;
      node = child;
      if (nodes[3 * node + 2] >= 0) end = i + 1;
    }
    return end;
  };

  /**
   * Cuts `text[from, to)` into pieces; unknown characters side by side are one, unless they fall back to
   * bytes.
   */
  pieces(text: NormalizedText, from: number, to: number, sink: PieceSink): void {
    const count = this.#segmenter.run(text.units, from, to);
    const { ids, begins } = this.#segmenter;
    const merges = this.#bytes === null;
    let unknownFrom = -1;
    for (let i = count - 1; i >= 0; i--) {
      const begin = from + begins[i];
      const end = i === 0 ? to : from + begins[i - 1];
      if (ids[i] === UNKNOWN_PIECE && merges) {
        if (unknownFrom < 0) unknownFrom = begin;
        continue;
      }
      if (unknownFrom >= 0) sink(UNKNOWN_PIECE, unknownFrom, begin);
      unknownFrom = -1;
      sink(ids[i], begin, end);
    }
    if (unknownFrom >= 0) sink(UNKNOWN_PIECE, unknownFrom, to);
    this.#segmenter.clear();
  }

  /** As `pieces`, into a list of tokens; the id of what is unknown is that of the unknown piece. */
  tokenize(text: NormalizedText, from: number, to: number, word: number, out: TokenList): void {
    const { starts, ends } = text;
    this.pieces(text, from, to, (id, begin, end) => {
      const start = starts[begin];
      const stop = ends[end - 1];
      if (id !== UNKNOWN_PIECE) {
        out.push(id, start, stop, word);
        return;
      }
      const unknown = text.slice(begin, end);
      if (this.#bytes !== null && pushBytes(this.#bytes, unknown, start, stop, word, out)) return;
      out.pushText(this.file.unkId, start, stop, word, unknown);
    });
  }

  #makeSegmenter(): Segmenter {
    const { file, symbolEnd } = this;
    if (file.modelType === "unigram") {
      const { scores, least } = unigramScores(file);
      const usable = trieOf(file, NORMAL, USER_DEFINED);
      return new Viterbi(usable, scores, Math.fround(least - UNKNOWN_PENALTY), true);
    }
    const trie = trieOf(file, NORMAL, USER_DEFINED, UNUSED);
    if (file.modelType === "bpe") {
      const isUnused = (id: number) => file.types[id] === UNUSED;
      return new PieceMerger({ trie, scores: Float64Array.from(file.scores), isUnused, symbolEnd });
    }
    return new TextPieces({ trie, symbolEnd }, file.modelType === "word");
  }
}

// The pieces of some types, with their ids.
function trieOf({ pieces, types }: SentencePieceFile, ...wanted: number[]): DoubleArray {
  const ids: number[] = [];
  for (let id = 0; id < pieces.length; id++) if (wanted.includes(types[id])) ids.push(id);
  return new DoubleArray(
    ids.map((id) => pieces[id]),
    ids,
  );
}

function repeatedPiece(pieces: readonly string[]): AthanorError {
  const second = pieces.findIndex((piece, id) => pieces.indexOf(piece) < id);
  return repeatedToken("SentencePiece model", pieces[second], pieces.indexOf(pieces[second]), second);
}

// A user-defined symbol scores as much as the best piece for each of its bytes, so that it always wins.
function unigramScores(file: SentencePieceFile): { scores: Float64Array; least: number } {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < file.pieces.length; id++) {
    if (file.types[id] !== NORMAL) continue;
    least = Math.min(least, file.scores[id]);
    greatest = Math.max(greatest, file.scores[id]);
  }
  const scores = Float64Array.from(file.scores);
  const encoder = new TextEncoder();
  for (let id = 0; id < file.pieces.length; id++) {
    if (file.types[id] !== USER_DEFINED) continue;
    scores[id] = Math.fround(encoder.encode(file.pieces[id]).length * greatest) - 0.1;
  }
  return { scores, least };
}
