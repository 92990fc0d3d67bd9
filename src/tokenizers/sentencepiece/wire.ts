// Protocol buffers, the part that a reader of a known message needs: fields of four wire types, skipped or
// read in place. Nothing is trusted: every length is checked against the bytes that are there before it is
// used. Source: the "Encoding" page of the Protocol Buffers documentation.

import { AthanorError } from "../../errors.js";

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the fields of one message in `bytes[at, end)`. */
export class WireReader {
  // One buffer for all messages of a file: making one costs more than reading a piece
  readonly #bytes: Buffer;
  readonly #what: string;
  readonly #end: number;
  #at: number;
  /** Number of the field that `next` found. */
  field = 0;
  /** Its wire type. */
  type = 0;

  constructor(bytes: Uint8Array, what: string, at = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#at = at;
    this.#end = end;
  }

  /** Goes to the next field; false at the end of the message. The caller reads or skips its value. */
  next(): boolean {
    if (this.#at === this.#end) return false;
    const key = this.#varint();
    this.field = Math.floor(key / 8);
    this.type = key % 8;
    if (this.field === 0 || this.field > 0x1fffffff) throw this.#wrong("a field number", `${this.field}`);
    return true;
  }

  /** The field as an unsigned number of at most 32 bits; negative int32 values come as two's complement. */
  uint32(): number {
    this.#expect(VARINT);
    return this.#varint() % 2 ** 32;
  }

  /** The field as a signed number of 32 bits. */
  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    this.#expect(VARINT);
    return this.#varint() !== 0;
  }

  float(): number {
    this.#expect(FIXED32);
    const at = this.#take(4);
    return this.#bytes.readFloatLE(at);
  }

  /** The bytes of the field, not copied. */
  bytes(): Uint8Array {
    this.#expect(BYTES);
    const length = this.#varint();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The field as text. */
  text(): string {
    this.#expect(BYTES);
    const length = this.#varint();
    const at = this.#take(length);
    // Several times faster than TextDecoder for short texts, but it does not complain
    const text = this.#bytes.toString("utf8", at, at + length);
    if (!text.includes("\ufffd")) return text;
    try {
      return decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw this.#wrong(`UTF-8 in field ${this.field}`, `${length} other bytes`);
    }
  }

  /** The field as a message of its own. */
  message(what: string): WireReader {
    this.#expect(BYTES);
    const length = this.#varint();
    const at = this.#take(length);
    return new WireReader(this.#bytes, what, at, at + length);
  }

  /** Passes over the value of a field that nobody asked for. */
  skip(): void {
    if (this.type === VARINT) this.#varint();
    else if (this.type === FIXED64) this.#take(8);
    else if (this.type === BYTES) this.#take(this.#varint());
    else if (this.type === FIXED32) this.#take(4);
    else throw this.#wrong("a wire type of 0, 1, 2 or 5", `${this.type} in field ${this.field}`);
  }

  #expect(type: number): void {
    if (this.type !== type) {
      throw this.#wrong(`wire type ${type} for field ${this.field}`, `wire type ${this.type}`);
    }
  }

  // The bits above 2^53 are lost, which only negative numbers have (their low 32 bits are exact).
  #varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw this.#wrong("a whole number", "the end of the bytes");
      const byte = this.#bytes[this.#at++];
      const bits = byte & 0x7f;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift === 28) {
        low += (bits & 15) * 2 ** 28;
        high += bits >> 4;
      } else high += bits * 2 ** (shift - 32);
      if (byte < 0x80) return (high % 2 ** 21) * 2 ** 32 + low;
    }
    throw this.#wrong("a number of at most 10 bytes", "a longer one");
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) {
      throw this.#wrong(`${length} bytes in field ${this.field}`, `${this.#end - at} bytes`);
    }
    this.#at = at + length;
    return at;
  }

  #wrong(needed: string, came: string): AthanorError {
    return new AthanorError(
      "ERR_TOKENIZER",
      `SentencePiece model: ${this.#what} must hold ${needed}, got ${came}`,
    );
  }
}
