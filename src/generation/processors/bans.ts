// Tokens that must not or must come next.
import { AthanorError } from "../../errors.js";
import type { GroupProcessor, LogitsContext, LogitsProcessor, ScoredRow } from "./processor.js";
import { forbidden } from "./processor.js";

/** The tokens that followed the last n-1 of `tokens` wherever those stand in `text`. */
export function* completions(text: Int32Array, tokens: Int32Array, n: number): Generator<number> {
  const suffix = tokens.length - (n - 1);
  if (suffix < 0) return;
  for (let at = 0; at + n <= text.length; at++) {
    let same = 0;
    while (same < n - 1 && text[at + same] === tokens[suffix + same]) same++;
    if (same === n - 1) yield text[at + n - 1];
  }
}

/** `NoRepeatNGramLogitsProcessor`: no n tokens twice in a row of tokens, the prompt included. */
export class NoRepeatNGram implements LogitsProcessor {
  constructor(private readonly n: number) {}

  process(scores: Float32Array, tokens: Int32Array): void {
    if (tokens.length < this.n) return;
    for (const token of completions(tokens, tokens, this.n)) scores[token] = forbidden;
  }
}

/** `EncoderNoRepeatNGramLogitsProcessor`: no n tokens that stand in the source. */
export class EncoderNoRepeatNGram implements LogitsProcessor {
  constructor(private readonly n: number) {}

  process(scores: Float32Array, tokens: Int32Array, { sourceIds }: LogitsContext): void {
    for (const token of completions(sourceIds, tokens, this.n)) scores[token] = forbidden;
  }
}

/** `MinLengthLogitsProcessor`: no end before `length` tokens, prompt included. */
export class MinLength implements LogitsProcessor {
  constructor(
    private readonly length: number,
    private readonly endIds: readonly number[],
  ) {}

  process(scores: Float32Array, tokens: Int32Array): void {
    if (tokens.length < this.length) for (const id of this.endIds) scores[id] = forbidden;
  }
}

/** `MinNewTokensLengthLogitsProcessor`: no end before `count` generated tokens. */
export class MinNewTokens implements LogitsProcessor {
  constructor(
    private readonly count: number,
    private readonly endIds: readonly number[],
  ) {}

  process(scores: Float32Array, tokens: Int32Array, { promptLength }: LogitsContext): void {
    if (tokens.length - promptLength < this.count) for (const id of this.endIds) scores[id] = forbidden;
  }
}

/** `SuppressTokensLogitsProcessor` */
export class SuppressTokens implements LogitsProcessor {
  constructor(private readonly ids: readonly number[]) {}

  process(scores: Float32Array): void {
    for (const id of this.ids) if (id < scores.length) scores[id] = forbidden;
  }
}

/** `SuppressTokensAtBeginLogitsProcessor`: not as the first token, nor as the one after a forced first one. */
export class SuppressTokensAtBegin implements LogitsProcessor {
  constructor(
    private readonly ids: readonly number[],
    private readonly firstIsForced: boolean,
  ) {}

  process(scores: Float32Array, tokens: Int32Array, { promptLength }: LogitsContext): void {
    const begin = promptLength > 1 || !this.firstIsForced ? promptLength : promptLength + 1;
    if (tokens.length !== begin) return;
    for (const id of this.ids) if (id < scores.length) scores[id] = forbidden;
  }
}

function force(scores: Float32Array, ids: readonly number[]): void {
  scores.fill(forbidden);
  for (const id of ids) scores[id] = 0;
}

/** `ForcedBOSTokenLogitsProcessor`: the token after the decoder's start, mBART's language. */
export class ForcedBos implements LogitsProcessor {
  constructor(private readonly id: number) {}

  process(scores: Float32Array, tokens: Int32Array): void {
    if (tokens.length === 1) force(scores, [this.id]);
  }
}

/** `ForcedEOSTokenLogitsProcessor`: the last token that fits. */
export class ForcedEos implements LogitsProcessor {
  constructor(private readonly ids: readonly number[]) {}

  process(scores: Float32Array, tokens: Int32Array, { maxLength }: LogitsContext): void {
    if (tokens.length === maxLength - 1) force(scores, this.ids);
  }
}

/** Which tokens may follow: for the example's number and the tokens so far. */
export type PrefixAllowedTokens = (example: number, tokens: Int32Array) => ArrayLike<number>;

/** What the function gives, checked. @throws ERR_ARGUMENT for no tokens and tokens outside the vocabulary */
export function requireAllowed(
  allowedTokens: PrefixAllowedTokens,
  example: number,
  tokens: Int32Array,
  vocabulary: number,
): Set<number> {
  const ids = Array.from(allowedTokens(example, tokens) ?? []);
  const outside = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (ids.length === 0 || outside !== undefined) {
    const got = ids.length === 0 ? "none" : String(outside);
    throw new AthanorError(
      "ERR_ARGUMENT",
      `generate: prefixAllowedTokens must give tokens from 0 to ${vocabulary - 1}, got ${got} for example ${example}`,
    );
  }
  return new Set(ids);
}

/** `PrefixConstrainedLogitsProcessor`; De Cao et al., "Autoregressive Entity Retrieval", 2021. */
export class PrefixConstrained implements GroupProcessor {
  constructor(private readonly allowedTokens: PrefixAllowedTokens) {}

  processGroup(rows: readonly ScoredRow[], { example }: LogitsContext): void {
    const allowed = rows.map(({ tokens, scores }) =>
      requireAllowed(this.allowedTokens, example, tokens, scores.length),
    );
    rows.forEach(({ scores }, i) => {
      scores.forEach((_, id) => {
        if (!allowed[i].has(id)) scores[id] = forbidden;
      });
    });
    if (rows.some(({ scores }) => scores.some((score) => score !== forbidden))) return;
    // Other rules forbid all that is allowed, for every hypothesis: the constraint wins.
    rows.forEach(({ scores }, i) => {
      for (const id of allowed[i]) scores[id] = 0;
    });
  }
}
