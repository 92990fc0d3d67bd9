// The file of a SentencePiece model (spiece.model, source.spm): a protocol buffer with the pieces and their
// scores, and with what the trainer was told. Source: sentencepiece_model.proto of google/sentencepiece;
// field numbers below are those of that file. Unknown fields are passed over.

import { AthanorError } from "../../errors.js";
import { WireReader } from "./wire.js";

/** Kinds of pieces. */
export const NORMAL = 1;
export const UNKNOWN = 2;
export const CONTROL = 3;
export const USER_DEFINED = 4;
export const UNUSED = 5;
export const BYTE = 6;

export type SentencePieceModelType = "unigram" | "bpe" | "word" | "char";
const MODEL_TYPES: readonly SentencePieceModelType[] = ["unigram", "bpe", "word", "char"];

/** A SentencePiece model as its file describes it. */
export interface SentencePieceFile {
  /** The id of a piece is its place. */
  pieces: string[];
  scores: Float32Array;
  /** One of the kinds above for each piece. */
  types: Uint8Array;
  modelType: SentencePieceModelType;
  /** Ids of the special pieces, -1 where there is none. */
  unkId: number;
  bosId: number;
  eosId: number;
  padId: number;
  /** What an unknown piece is decoded to. */
  unkSurface: string;
  byteFallback: boolean;
  treatWhitespaceAsSuffix: boolean;
  /** The compiled character map of the normalizer; empty when there is none. */
  charsmap: Uint8Array;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
  escapeWhitespaces: boolean;
}

// More pieces than any vocabulary has: ids are 24-bit in the fastest tables.
const MOST_PIECES = 1 << 23;

/**
 * Reads a SentencePiece model.
 *
 * @throws AthanorError ERR_TOKENIZER: bytes that are no such model: truncated, a field of another type, text
 * that is
 *   not UTF-8, a score that is no number, an empty piece, no piece at all, not exactly one unknown piece.
 */
export function readSentencePiece(bytes: Uint8Array): SentencePieceFile {
  const file: SentencePieceFile = {
    pieces: [],
    scores: new Float32Array(0),
    types: new Uint8Array(0),
    modelType: "unigram",
    unkId: -1,
    bosId: 1,
    eosId: 2,
    padId: -1,
    unkSurface: " \u2047 ",
    byteFallback: false,
    treatWhitespaceAsSuffix: false,
    charsmap: new Uint8Array(0),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  };
  const scores: number[] = [];
  const types: number[] = [];
  const message = new WireReader(bytes, "the file");
  while (message.next()) {
    if (message.field === 1) readPiece(message.message("a piece"), file.pieces, scores, types);
    else if (message.field === 2) readTrainer(message.message("trainer_spec"), file);
    else if (message.field === 3) readNormalizer(message.message("normalizer_spec"), file);
    else message.skip();
  }
  file.scores = Float32Array.from(scores);
  file.types = Uint8Array.from(types);
  checkPieces(file);
  return file;
}

function readPiece(message: WireReader, pieces: string[], scores: number[], types: number[]): void {
  const number = pieces.length;
  let piece = "";
  let score = 0;
  let type = NORMAL;
  while (message.next()) {
    if (message.field === 1) piece = message.text();
    else if (message.field === 2) score = message.float();
    else if (message.field === 3) type = message.uint32();
    else message.skip();
  }
  if (number === MOST_PIECES) throw wrong("the file", `at most ${MOST_PIECES} pieces`, "more");
  if (piece === "") throw wrong(`piece ${number}`, "a text", "none");
  if (!Number.isFinite(score)) throw wrong(`piece ${number}`, "a finite score", `${score}`);
  if (type < NORMAL || type > BYTE) throw wrong(`piece ${number}`, "a type from 1 to 6", `${type}`);
  pieces.push(piece);
  scores.push(score);
  types.push(type);
}

// TrainerSpec
function readTrainer(message: WireReader, file: SentencePieceFile): void {
  while (message.next()) {
    if (message.field === 3) {
      const type = message.uint32();
      if (type < 1 || type > 4) throw wrong("trainer_spec", "a model type from 1 to 4", `${type}`);
      file.modelType = MODEL_TYPES[type - 1];
    } else if (message.field === 24) file.treatWhitespaceAsSuffix = message.bool();
    else if (message.field === 35) file.byteFallback = message.bool();
    else if (message.field === 41) file.bosId = message.int32();
    else if (message.field === 42) file.eosId = message.int32();
    else if (message.field === 43) file.padId = message.int32();
    else if (message.field === 44) file.unkSurface = message.text();
    else message.skip();
  }
}

// NormalizerSpec
function readNormalizer(message: WireReader, file: SentencePieceFile): void {
  while (message.next()) {
    if (message.field === 2) file.charsmap = message.bytes().slice();
    else if (message.field === 3) file.addDummyPrefix = message.bool();
    else if (message.field === 4) file.removeExtraWhitespaces = message.bool();
    else if (message.field === 5) file.escapeWhitespaces = message.bool();
    else message.skip();
  }
}

// The unknown piece is the one of that type: trainer_spec may name it too, but the library asks the pieces.
function checkPieces(file: SentencePieceFile): void {
  const { pieces, types } = file;
  if (pieces.length === 0) throw wrong("the file", "at least one piece", "none");
  for (let id = 0; id < pieces.length; id++) {
    if (types[id] !== UNKNOWN) continue;
    if (file.unkId >= 0) throw wrong("the file", "one unknown piece", `pieces ${file.unkId} and ${id}`);
    file.unkId = id;
  }
  if (file.unkId < 0) throw wrong("the file", "an unknown piece", "none");
}

function wrong(what: string, needed: string, came: string): AthanorError {
  return new AthanorError("ERR_TOKENIZER", `SentencePiece model: ${what} must hold ${needed}, got ${came}`);
}
