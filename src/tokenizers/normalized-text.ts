// Text on its way through a tokenizer: code units, and for each the span of the original text it stands for.
// Typed arrays rather than strings, because a string per word costs more than the rest of the tokenizer.

// Scratch above this many code units is given back after use.
const KEEP = 1 << 20;

/** Growable code units with alignment: unit `i` comes from `original[starts[i], ends[i])`. */
export class NormalizedText {
  units = new Uint16Array(1024);
  starts = new Int32Array(1024);
  ends = new Int32Array(1024);
  length = 0;

  /** Empties the text, and gives memory back that a very long one took. */
  clear(): void {
    this.length = 0;
    if (this.units.length > KEEP) this.#resize(1024);
  }

  /** Makes room for at least `count` more code units. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.units.length) this.#resize(Math.max(needed, 2 * this.units.length));
  }

  /** Appends a string of which every unit stands for `original[start, end)`. The caller has made room. */
  push(text: string, start: number, end: number): void {
    for (let i = 0; i < text.length; i++) {
      this.units[this.length] = text.charCodeAt(i);
      this.starts[this.length] = start;
      this.ends[this.length] = end;
      this.length++;
    }
  }

  /** The units `[from, to)` as a string. */
  slice(from = 0, to = this.length): string {
    let text = "";
    for (let at = from; at < to; at += 8192) {
      text += String.fromCharCode(...this.units.subarray(at, Math.min(at + 8192, to)));
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
