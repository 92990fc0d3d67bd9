// Padding to a common length.

import { Encoding, type EncodingFields, emptyFields, type TokenLookup } from "./encoding.js";
import type { Side } from "./truncation.js";

/** What to pad with, and where. */
export interface Padding {
  id: number;
  typeId: number;
  side: Side;
}

/** `length` rounded up to a multiple. */
export function roundUp(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

/** The encoding, and its overflow, padded to `length` tokens; the same object where nothing is to be done. */
export function padded(encoding: Encoding, length: number, padding: Padding, lookup: TokenLookup): Encoding {
  const overflowing = encoding.overflowing.map((window) => padded(window, length, padding, lookup));
  const count = length - encoding.ids.length;
  if (count <= 0 && overflowing.length === 0) return encoding;
  return new Encoding(
    { ...shifted(Encoding.fields(encoding), Math.max(count, 0), padding), overflowing },
    lookup,
  );
}

function shifted(from: EncodingFields, count: number, padding: Padding): EncodingFields {
  if (count === 0) return from;
  const length = from.ids.length + count;
  const at = padding.side === "left" ? count : 0;
  const start = padding.side === "left" ? 0 : from.ids.length;
  const to = emptyFields(length);
  to.ids.fill(padding.id, start, start + count);
  to.typeIds.fill(padding.typeId, start, start + count);
  to.specialTokensMask.fill(1, start, start + count);
  to.ids.set(from.ids, at);
  to.typeIds.set(from.typeIds, at);
  to.attentionMask.set(from.attentionMask, at);
  to.specialTokensMask.set(from.specialTokensMask, at);
  to.offsets.set(from.offsets, 2 * at);
  to.words.set(from.words, at);
  to.sequences.set(from.sequences, at);
  if (from.texts !== null) to.texts = new Map([...from.texts].map(([place, text]) => [place + at, text]));
  return to;
}
