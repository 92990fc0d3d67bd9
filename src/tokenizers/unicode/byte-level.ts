// The alphabet of byte-level tokenizers (GPT-2): each byte is a printable character. Bytes that are printable
// in Latin-1 are themselves, the others are U+0100 and up in order.

import type { NormalizedText } from "../normalized-text.js";

const PRINTABLE: readonly [number, number][] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** The code unit of each byte. */
export const BYTE_UNITS: Uint16Array = byteUnits();
/** The byte of each code unit below 0x144, or -1. */
export const UNIT_BYTES: Int16Array = unitBytes();
/** What a blank becomes. */
export const BYTE_LEVEL_BLANK = BYTE_UNITS[0x20];

function byteUnits(): Uint16Array {
  const units = new Uint16Array(256);
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = PRINTABLE.some(([first, last]) => byte >= first && byte <= last);
    units[byte] = isPrintable ? byte : next++;
  }
  return units;
}

function unitBytes(): Int16Array {
  const bytes = new Int16Array(0x144).fill(-1);
  for (let byte = 0; byte < 256; byte++) bytes[BYTE_UNITS[byte]] = byte;
  return bytes;
}

/**
 * Appends the bytes of `text[from, to)` in UTF-8, each as its character and with the span of the character it
 * is a byte of. Half a surrogate pair counts as U+FFFD, as it does wherever text becomes UTF-8.
 */
export function appendBytes(text: NormalizedText, from: number, to: number, output: NormalizedText): void {
  output.reserve(3 * (to - from));
  const { units, starts, ends } = output;
  let length = output.length;
  for (let at = from; at < to; ) {
    const unit = text.units[at];
    const start = text.starts[at];
    if (unit < 0x80) {
      units[length] = BYTE_UNITS[unit];
      starts[length] = start;
      ends[length++] = text.ends[at++];
      continue;
    }
    const point = replaced(text.codePointAt(at, to));
    const next = at + (point > 0xffff ? 2 : 1);
    const end = text.ends[next - 1];
    const count = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (let i = count - 1; i >= 0; i--) {
      const bits = (point >> (6 * i)) & (i === count - 1 ? 0xff : 0x3f);
      const lead = i < count - 1 ? 0x80 : count === 2 ? 0xc0 : count === 3 ? 0xe0 : 0xf0;
      units[length] = BYTE_UNITS[lead | bits];
      starts[length] = start;
      ends[length++] = end;
    }
    at = next;
  }
  output.length = length;
}

function replaced(point: number): number {
  return point >= 0xd800 && point < 0xe000 ? 0xfffd : point;
}
