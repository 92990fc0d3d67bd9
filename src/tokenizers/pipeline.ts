// Text to tokens: added tokens are cut out first, the rest goes through normalizer, pre-tokenizer and model.

import type { AddedMatch, AddedTokens } from "./added-tokens.js";
import { NormalizedText } from "./normalized-text.js";
import { Pieces } from "./pieces.js";
import type { Model, Normalizer, PreTokenizer } from "./stages.js";
import type { TokenList } from "./token-list.js";

/** The stages that make tokens, with the scratch between them. */
export class Pipeline {
  readonly #normalizer: Normalizer | null;
  readonly #preTokenizer: PreTokenizer | null;
  readonly #model: Model;
  readonly #added: AddedTokens;
  readonly #original = new NormalizedText();
  readonly #segment = new NormalizedText();
  readonly #normalized = new NormalizedText();
  readonly #pieces = new Pieces();
  #limit = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(
    normalizer: Normalizer | null,
    preTokenizer: PreTokenizer | null,
    model: Model,
    added: AddedTokens,
  ) {
    this.#normalizer = normalizer;
    this.#preTokenizer = preTokenizer;
    this.#model = model;
    this.#added = added;
  }

  /**
   * Replaces the contents of `out` by the tokens of a text, or of words (offsets then count from each word).
   * Stops after the word with which there are `limit` tokens (where the text comes as words: in each of
   * them).
   */
  run(text: string | readonly string[], limit: number, out: TokenList): void {
    out.clear();
    if (typeof text === "string") {
      this.#limit = limit;
      this.#encode(text, out);
      return;
    }
    for (let word = 0; word < text.length; word++) {
      const from = out.length;
      this.#limit = from + limit;
      this.#encode(text[word], out);
      out.words.fill(word, from, out.length);
    }
  }

  #encode(text: string, out: TokenList): void {
    this.#stopped = false;
    const original = this.#original;
    original.clear();
    original.load(text);
    const matcher = this.#added.original;
    let word = 0;
    let at = 0;
    while (matcher !== null && !this.#stopped) {
      const found = matcher.find(original, 0, at, original.length);
      if (found === null) break;
      word = this.#normalize(at, found.start, word, out);
      if (!this.#stopped) this.#push(original, found, word++, out);
      at = found.end;
    }
    this.#normalize(at, original.length, word, out);
  }

  // A stretch of the original without added tokens of the first kind. Returns the number of the next word.
  #normalize(from: number, to: number, word: number, out: TokenList): number {
    if (from === to || this.#stopped) return word;
    let input = this.#original;
    if (this.#normalizer === null) return this.#extract(input, from, to, word, out);
    if (from !== 0 || to !== input.length) {
      input = this.#segment;
      input.clear();
      input.copy(this.#original, from, to);
    }
    const output = this.#normalized;
    output.clear();
    this.#normalizer.normalize(input, output);
    return this.#extract(output, 0, output.length, word, out);
  }

  // Cuts the added tokens of the second kind out of normalized text.
  #extract(text: NormalizedText, from: number, to: number, firstWord: number, out: TokenList): number {
    const matcher = this.#added.normalized;
    let word = firstWord;
    let at = from;
    while (matcher !== null && !this.#stopped) {
      const found = matcher.find(text, from, at, to);
      if (found === null) break;
      word = this.#words(text, at, found.start, word, out);
      if (!this.#stopped) this.#push(text, found, word++, out);
      at = found.end;
    }
    return this.#words(text, at, to, word, out);
  }

  #push(text: NormalizedText, found: AddedMatch, word: number, out: TokenList): void {
    const { starts, ends } = text;
    // Shown as it was found: with the white space that it took along, or as the normalizer left it
    const shown = text.slice(found.start, found.end);
    if (shown !== this.#added.contentOf(found.id)) out.texts.set(out.length, shown);
    out.pushAdded(found.id, starts[found.start], ends[found.end - 1], word, [
      found.from - found.start,
      found.end - found.to,
    ]);
  }

  #words(text: NormalizedText, from: number, to: number, firstWord: number, out: TokenList): number {
    if (from >= to || this.#stopped) return firstWord;
    const pieces = this.#pieces;
    pieces.begin(text, from, to);
    this.#preTokenizer?.preTokenize(pieces);
    const { spans } = pieces;
    let word = firstWord;
    for (let i = 0; i < spans.length && !this.#stopped; i += 2, word++) {
      this.#model.tokenize(pieces.text, spans.values[i], spans.values[i + 1], word, out);
      this.#stopped = out.length >= this.#limit;
    }
    return word;
  }
}
