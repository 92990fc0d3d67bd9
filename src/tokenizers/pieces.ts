// Text between normalizer and model: code units, and the spans of them that have become words so far.

import { NormalizedText } from "./normalized-text.js";
import { Spans } from "./token-list.js";

/** A text and its pieces in order. A pre-tokenizer replaces the spans, or text and spans. */
export class Pieces {
  /** Not to be written to: it may be the original text. */
  text = new NormalizedText();
  /** `[start, end)` pairs in `text`, in order. */
  spans = new Spans();
  #spareSpans = new Spans();
  readonly #first = this.text;
  readonly #second = new NormalizedText();

  /** Starts with one piece, `text[from, to)`. */
  begin(text: NormalizedText, from: number, to: number): void {
    this.text = text;
    this.spans.clear();
    this.spans.push(from, to);
  }

  /** Splits every piece: `split` appends the spans of what `text[from, to)` falls into. */
  splitEach(split: (text: NormalizedText, from: number, to: number, spans: Spans) => void): void {
    const { text, spans } = this;
    const result = this.#spareSpans;
    result.clear();
    for (let i = 0; i < spans.length; i += 2) split(text, spans.values[i], spans.values[i + 1], result);
    this.spans = result;
    this.#spareSpans = spans;
  }

  /**
   * Rewrites every piece: `rewrite` appends what becomes of `text[from, to)` to `output`. What becomes empty
   * is left out.
   */
  rewriteEach(
    rewrite: (text: NormalizedText, from: number, to: number, output: NormalizedText) => void,
  ): void {
    this.rewriteAndSplitEach((text, from, to, output, spans) => {
      const start = output.length;
      rewrite(text, from, to, output);
      if (output.length > start) spans.push(start, output.length);
    });
  }

  /**
   * Both at once: `rewrite` appends what becomes of `text[from, to)` to `output`, and its pieces to `spans`.
   */
  rewriteAndSplitEach(
    rewrite: (text: NormalizedText, from: number, to: number, output: NormalizedText, spans: Spans) => void,
  ): void {
    const { text, spans } = this;
    const output = text === this.#first ? this.#second : this.#first;
    const result = this.#spareSpans;
    output.clear();
    result.clear();
    for (let i = 0; i < spans.length; i += 2) {
      rewrite(text, spans.values[i], spans.values[i + 1], output, result);
    }
    this.text = output;
    this.spans = result;
    this.#spareSpans = spans;
  }
}
