// Bytes back to text: the characters of all tokens are bytes, which are UTF-8 together.

import type { Decoder } from "../stages.js";
import { UNIT_BYTES } from "../unicode/byte-level.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Turns tokens in the alphabet of bytes into text; what is no UTF-8 becomes U+FFFD. */
export class ByteLevelDecoder implements Decoder {
  decode(tokens: string[]): string[] {
    const parts = tokens.map(bytesOf);
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return [decoder.decode(bytes)];
  }
}

/** ByteLevel of tokenizer.json: its fields count for nothing here. */
export function readByteLevelDecoder(): Decoder {
  return new ByteLevelDecoder();
}

// A token with other characters, such as an added one, is text.
function bytesOf(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const unit = token.charCodeAt(i);
    const byte = unit < UNIT_BYTES.length ? UNIT_BYTES[unit] : -1;
    if (byte < 0) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
