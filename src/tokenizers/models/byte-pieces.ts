// Byte fallback: a character that the vocabulary lacks becomes the pieces of its UTF-8 bytes, `<0x00>` to
// `<0xFF>`.

import type { TokenList } from "../token-list.js";

const encoder = new TextEncoder();

/** The piece of a byte. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The id of each byte's piece, -1 where the vocabulary lacks it. */
export function bytePieces(idOf: (piece: string) => number | undefined): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => idOf(bytePiece(byte)) ?? -1);
}

/** Appends the bytes of a text, each with the span of the whole text; false when one of them has no piece. */
export function pushBytes(
  ids: Int32Array,
  text: string,
  start: number,
  end: number,
  word: number,
  out: TokenList,
): boolean {
  const bytes = encoder.encode(text);
  for (const byte of bytes) if (ids[byte] < 0) return false;
  for (const byte of bytes) out.push(ids[byte], start, end, word);
  return true;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text; each byte that is no part of a character becomes U+FFFD. */
export function bytesToText(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      text += decoder.decode(Uint8Array.from(bytes.slice(at, at + length)));
      at += length;
    } catch {
      text += "\ufffd";
      at++;
    }
  }
  return text;
}
