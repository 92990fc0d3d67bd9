// The alignment of a rewritten text, told as the tokenizers library tells it (NormalizedString::transform):
// character by character of the new text, what became of the old one.

import type { NormalizedText } from "../normalized-text.js";

/** New characters in order, each with its change. */
export class Changes {
  readonly points: number[] = [];
  readonly changes: number[] = [];

  /**
   * Appends a character (code point). Change 0: it replaces the next character of the old text; 1: it is new,
   * and stands for what its predecessor in the old text stands for; -n: it replaces the next character, and n
   * more are removed.
   */
  push(point: number, change: number): void {
    this.points.push(point);
    this.changes.push(change);
  }

  /** Changes the last character's change by `by`: further characters are removed after it, or it is new. */
  adjustLast(by: number): void {
    if (this.changes.length > 0) this.changes[this.changes.length - 1] += by;
  }

  /** Appends the new text to `output`, with the alignment of `input`; the first `removed` characters are gone. */
  apply(input: NormalizedText, output: NormalizedText, removed = 0): void {
    const { points, changes } = this;
    let at = skip(input, 0, removed);
    for (let i = 0; i < points.length; i++) {
      const text = String.fromCodePoint(points[i]);
      const change = changes[i];
      if (change > 0) {
        // Before the first character there is nothing to stand for
        const start = at === 0 ? (input.starts[0] ?? 0) : input.starts[at - 1];
        output.push(text, start, at === 0 ? start : input.ends[at - 1]);
        continue;
      }
      output.push(text, input.starts[at], input.ends[at]);
      at = skip(input, at, 1 - change);
    }
  }
}

// The position after `count` characters.
function skip(input: NormalizedText, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count && at < input.length; i++) at += input.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}
