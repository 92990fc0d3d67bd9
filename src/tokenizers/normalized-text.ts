// Text on its way through a tokenizer: code units, and for each the span of the original text it stands for.
// Typed arrays rather than strings, because a string per word costs more than the rest of the tokenizer.

// Scratch above this many code units is given back after use.
const KEEP = 1 << 20;
const INITIAL = 1024;
// Most arguments in one call of fromCharCode
const CHUNK = 8192;

/** Growable code units with alignment: unit `i` comes from `original[starts[i], ends[i])`. */
export class NormalizedText {
  units = new Uint16Array(INITIAL);
  starts = new Int32Array(INITIAL);
  ends = new Int32Array(INITIAL);
  length = 0;

  /** Empties the text, and gives memory back that a very long one took. */
  clear(): void {
    this.length = 0;
    if (this.units.length > KEEP) this.#resize(INITIAL);
  }

  /** Makes room for at least `count` more code units. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.units.length) this.#resize(Math.max(needed, 2 * this.units.length));
  }

  /** Appends an original text: every character stands for itself. */
  load(text: string): void {
    this.reserve(text.length);
    const { units, starts, ends } = this;
    const shift = this.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      units[shift + i] = unit;
      starts[shift + i] = i;
      ends[shift + i] = i + 1;
      // Both halves of a pair stand for the whole character
      if ((unit & 0xfc00) === 0xdc00 && i > 0 && (units[shift + i - 1] & 0xfc00) === 0xd800) {
        starts[shift + i] = i - 1;
        ends[shift + i - 1] = i + 1;
      }
    }
    this.length += text.length;
  }

  /** Appends `source[from, to)` with its alignment. */
  copy(source: NormalizedText, from = 0, to = source.length): void {
    this.reserve(to - from);
    this.units.set(source.units.subarray(from, to), this.length);
    this.starts.set(source.starts.subarray(from, to), this.length);
    this.ends.set(source.ends.subarray(from, to), this.length);
    this.length += to - from;
  }

  /** Appends a string of which every unit stands for `original[start, end)`. */
  push(text: string, start: number, end: number): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      this.units[this.length] = text.charCodeAt(i);
      this.starts[this.length] = start;
      this.ends[this.length] = end;
      this.length++;
    }
  }

  /** The code point at `at`; a half of a surrogate pair without the other half is one by itself. */
  codePointAt(at: number, end = this.length): number {
    const unit = this.units[at];
    if ((unit & 0xfc00) !== 0xd800 || at + 1 >= end) return unit;
    const next = this.units[at + 1];
    return (next & 0xfc00) === 0xdc00 ? 0x10000 + ((unit & 0x3ff) << 10) + (next & 0x3ff) : unit;
  }

  /** The units `[from, to)` as a string. */
  slice(from = 0, to = this.length): string {
    let text = "";
    for (let at = from; at < to; at += CHUNK) {
      text += String.fromCharCode(...this.units.subarray(at, Math.min(at + CHUNK, to)));
    }
    return text;
  }

  #resize(capacity: number): void {
    const { units, starts, ends, length } = this;
    this.units = new Uint16Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.units.set(units.subarray(0, length));
    this.starts.set(starts.subarray(0, length));
    this.ends.set(ends.subarray(0, length));
  }
}
