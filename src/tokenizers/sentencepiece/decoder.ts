// Pieces back to text as the SentencePiece library does it (sentencepiece_processor.cc, Decode): marks become
// blanks, the one at the very beginning goes, bytes are put together to characters, control pieces say
// nothing.

import { bytePiece, bytesToText } from "../models/byte-pieces.js";
import { BYTE, CONTROL, type SentencePieceFile, UNKNOWN } from "./model-file.js";

const BYTES = new Map(Array.from({ length: 256 }, (_, byte) => [bytePiece(byte), byte]));

/** The text of pieces; a piece that the model lacks stands for itself. */
export function decodePieces(
  file: SentencePieceFile,
  ids: ReadonlyMap<string, number>,
  pieces: readonly string[],
): string {
  const { types, unkId, addDummyPrefix, removeExtraWhitespaces } = file;
  const trims = addDummyPrefix || removeExtraWhitespaces;
  let text = "";
  let trimmed = false;
  for (let i = 0; i < pieces.length; i++) {
    const id = ids.get(pieces[i]) ?? unkId;
    if (types[id] === BYTE) {
      const bytes: number[] = [];
      for (; i < pieces.length && types[ids.get(pieces[i]) ?? unkId] === BYTE; i++)
        bytes.push(BYTES.get(pieces[i])!);
      i--;
      text += bytesToText(bytes);
      continue;
    }
    if (types[id] === CONTROL) continue;
    if (types[id] === UNKNOWN) {
      text += file.pieces[unkId] === pieces[i] ? file.unkSurface : pieces[i];
      continue;
    }
    let piece = pieces[i];
    if (trims && !trimmed && text === "" && piece.startsWith("\u2581")) {
      piece = piece.slice(1);
      // Without the removal of blanks only the one that was put in front goes
      trimmed = !removeExtraWhitespaces;
    }
    text += piece.replaceAll("\u2581", " ");
  }
  return text;
}
