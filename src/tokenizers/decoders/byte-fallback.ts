// Tokens such as <0xE4> back to characters.

import type { Decoder } from "../stages.js";

const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Turns runs of byte tokens into text; a run that is no UTF-8 becomes one U+FFFD for each byte. */
export class ByteFallbackDecoder implements Decoder {
  decode(tokens: string[]): string[] {
    const result: string[] = [];
    let bytes: number[] = [];
    const flush = () => {
      if (bytes.length > 0) result.push(...textOf(bytes));
      bytes = [];
    };
    for (const token of tokens) {
      const found = BYTE.exec(token);
      if (found !== null) {
        bytes.push(Number.parseInt(found[1], 16));
      } else {
        flush();
        result.push(token);
      }
    }
    flush();
    return result;
  }
}

/** ByteFallback of tokenizer.json: no fields. */
export function readByteFallback(): Decoder {
  return new ByteFallbackDecoder();
}

function textOf(bytes: readonly number[]): string[] {
  try {
    return [decoder.decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => "\ufffd");
  }
}
