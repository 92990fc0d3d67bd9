// Encodings as one array of integers, which moves between threads without a copy. Layout per encoding: number
// of tokens, number of overflow windows, number of texts of unknown tokens, the seven arrays, the texts
// (place, length, code units), then the windows likewise.

import { ARRAY_FIELDS, Encoding, type EncodingFields, type TokenLookup } from "../encoding.js";

/** Packs encodings in order. */
export function pack(encodings: readonly Encoding[]): Int32Array {
  const target = new Int32Array(encodings.reduce((sum, encoding) => sum + packedLength(encoding), 0));
  let at = 0;
  for (const encoding of encodings) at = write(encoding, target, at);
  return target;
}

/** The encodings that `pack` was given. */
export function unpack(packed: Int32Array, lookup: TokenLookup): Encoding[] {
  const encodings: Encoding[] = [];
  const reader = { at: 0 };
  while (reader.at < packed.length) encodings.push(read(packed, reader, lookup));
  return encodings;
}

function packedLength(encoding: Encoding): number {
  const windows = encoding.overflowing.reduce((sum, window) => sum + packedLength(window), 0);
  let texts = 0;
  for (const text of Encoding.fields(encoding).texts?.values() ?? []) texts += 2 + text.length;
  return 3 + (ARRAY_FIELDS.length + 1) * encoding.ids.length + texts + windows;
}

function write(encoding: Encoding, target: Int32Array, start: number): number {
  const fields = Encoding.fields(encoding);
  target[start] = encoding.ids.length;
  target[start + 1] = encoding.overflowing.length;
  target[start + 2] = fields.texts?.size ?? 0;
  let at = start + 3;
  for (const name of ARRAY_FIELDS) {
    target.set(fields[name], at);
    at += fields[name].length;
  }
  for (const [place, text] of fields.texts ?? []) {
    target[at++] = place;
    target[at++] = text.length;
    for (let i = 0; i < text.length; i++) target[at++] = text.charCodeAt(i);
  }
  for (const window of encoding.overflowing) at = write(window, target, at);
  return at;
}

function read(packed: Int32Array, reader: { at: number }, lookup: TokenLookup): Encoding {
  const length = packed[reader.at];
  const windows = packed[reader.at + 1];
  const textCount = packed[reader.at + 2];
  reader.at += 3;
  const arrays: Partial<EncodingFields> = {};
  for (const name of ARRAY_FIELDS) {
    const count = name === "offsets" ? 2 * length : length;
    // A copy, so that one encoding does not keep the memory of all
    arrays[name] = packed.slice(reader.at, reader.at + count);
    reader.at += count;
  }
  const texts = readTexts(packed, reader, textCount);
  const overflowing: Encoding[] = [];
  for (let i = 0; i < windows; i++) overflowing.push(read(packed, reader, lookup));
  return new Encoding({ ...(arrays as EncodingFields), overflowing, texts }, lookup);
}

function readTexts(packed: Int32Array, reader: { at: number }, count: number): Map<number, string> | null {
  if (count === 0) return null;
  const texts = new Map<number, string>();
  for (let i = 0; i < count; i++) {
    const place = packed[reader.at];
    const length = packed[reader.at + 1];
    const units = packed.subarray(reader.at + 2, reader.at + 2 + length);
    texts.set(
      place,
      units.reduce((text, unit) => text + String.fromCharCode(unit), ""),
    );
    reader.at += 2 + length;
  }
  return texts;
}
