// Text to tokens: added tokens are cut out first, the rest goes through normalizer, pre-tokenizer and model.

import type { AddedMatcher, AddedTokens } from "./added-tokens.js";
import { NormalizedText } from "./normalized-text.js";
import type { Model, Normalizer, PreTokenizer } from "./stages.js";
import { Spans, type TokenList } from "./token-list.js";

/** The stages that make tokens, with the scratch between them. */
export class Pipeline {
  readonly #normalizer: Normalizer;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: Model;
  readonly #added: AddedTokens;
  readonly #text = new NormalizedText();
  readonly #spans = new Spans();
  #limit = Number.POSITIVE_INFINITY;

  constructor(normalizer: Normalizer, preTokenizer: PreTokenizer, model: Model, added: AddedTokens) {
    this.#normalizer = normalizer;
    this.#preTokenizer = preTokenizer;
    this.#model = model;
    this.#added = added;
  }

  /**
   * Replaces the contents of `out` by the tokens of a text, or of words (offsets then count from each word).
   * Stops after the word with which there are `limit` tokens.
   */
  run(text: string | readonly string[], limit: number, out: TokenList): void {
    out.clear();
    this.#limit = limit;
    if (typeof text === "string") {
      this.#encode(text, out);
      return;
    }
    for (let word = 0; word < text.length && out.length < limit; word++) {
      const from = out.length;
      this.#encode(text[word], out);
      out.words.fill(word, from, out.length);
    }
  }

  #encode(text: string, out: TokenList): void {
    const matcher = this.#added.original;
    let word = 0;
    let at = 0;
    for (let found = matcher?.find(text, 0); found; found = matcher?.find(text, at)) {
      word = this.#segment(text, at, found.start, word, out);
      if (out.length >= this.#limit) return;
      out.push(found.id, found.start, found.end, word++);
      at = found.end;
    }
    this.#segment(text, at, text.length, word, out);
  }

  // A stretch without added tokens of the first kind. Returns the number of the next word.
  #segment(text: string, from: number, to: number, word: number, out: TokenList): number {
    if (from === to || out.length >= this.#limit) return word;
    this.#text.clear();
    this.#normalizer.normalize(text, from, to, this.#text);
    const matcher = this.#added.normalized;
    if (matcher === null) return this.#words(0, this.#text.length, word, out);
    return this.#normalizedTokens(matcher, word, out);
  }

  #normalizedTokens(matcher: AddedMatcher, firstWord: number, out: TokenList): number {
    const { starts, ends } = this.#text;
    const text = this.#text.slice();
    let word = firstWord;
    let at = 0;
    for (let found = matcher.find(text, 0); found; found = matcher.find(text, at)) {
      word = this.#words(at, found.start, word, out);
      if (out.length >= this.#limit) return word;
      out.push(found.id, starts[found.start], ends[found.end - 1], word++);
      at = found.end;
    }
    return this.#words(at, text.length, word, out);
  }

  #words(from: number, to: number, firstWord: number, out: TokenList): number {
    const spans = this.#spans;
    spans.clear();
    this.#preTokenizer.split(this.#text, from, to, spans);
    let word = firstWord;
    for (let i = 0; i < spans.length && out.length < this.#limit; i += 2, word++) {
      this.#model.tokenize(this.#text, spans.values[i], spans.values[i + 1], word, out);
    }
    return word;
  }
}
