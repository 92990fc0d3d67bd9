// Encodings as one array of integers, which moves between threads without a copy. Layout per encoding: number
// of tokens, number of overflow windows, the seven arrays, then the windows likewise.

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
  return 2 + (ARRAY_FIELDS.length + 1) * encoding.ids.length + windows;
}

function write(encoding: Encoding, target: Int32Array, start: number): number {
  const fields = Encoding.fields(encoding);
  target[start] = encoding.ids.length;
  target[start + 1] = encoding.overflowing.length;
  let at = start + 2;
  for (const name of ARRAY_FIELDS) {
    target.set(fields[name], at);
    at += fields[name].length;
  }
  for (const window of encoding.overflowing) at = write(window, target, at);
  return at;
}

function read(packed: Int32Array, reader: { at: number }, lookup: TokenLookup): Encoding {
  const length = packed[reader.at];
  const windows = packed[reader.at + 1];
  reader.at += 2;
  const arrays: Partial<EncodingFields> = {};
  for (const name of ARRAY_FIELDS) {
    const count = name === "offsets" ? 2 * length : length;
    // A copy, so that one encoding does not keep the memory of all
    arrays[name] = packed.slice(reader.at, reader.at + count);
    reader.at += count;
  }
  const overflowing: Encoding[] = [];
  for (let i = 0; i < windows; i++) overflowing.push(read(packed, reader, lookup));
  return new Encoding({ ...(arrays as EncodingFields), overflowing }, lookup);
}
