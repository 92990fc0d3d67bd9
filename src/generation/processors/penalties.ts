// Scores moved by what was said before. All arithmetic rounds to f32 after each operation, as the reference's does.
import type { LogitsContext, LogitsProcessor } from "./processor.js";
import { forbidden } from "./processor.js";

const { fround } = Math;

/** Divides positive scores of the given tokens and multiplies negative ones, each token once. */
function penalize(scores: Float32Array, tokens: Iterable<number>, penalty: number): void {
  for (const token of new Set(tokens)) {
    if (token >= scores.length) continue;
    const score = scores[token];
    scores[token] = score < 0 ? score * penalty : score / penalty;
  }
}

/** `RepetitionPenaltyLogitsProcessor`; Keskar et al., "CTRL", 2019, section 4.1. */
export class RepetitionPenalty implements LogitsProcessor {
  readonly #penalty: number;

  constructor(penalty: number) {
    this.#penalty = fround(penalty);
  }

  process(scores: Float32Array, tokens: Int32Array): void {
    penalize(scores, tokens, this.#penalty);
  }
}

/** `EncoderRepetitionPenaltyLogitsProcessor`: tokens of the source become likelier. */
export class EncoderRepetitionPenalty implements LogitsProcessor {
  readonly #penalty: number;

  constructor(penalty: number) {
    this.#penalty = fround(1 / penalty);
  }

  process(scores: Float32Array, _: Int32Array, { sourceIds }: LogitsContext): void {
    penalize(scores, sourceIds, this.#penalty);
  }
}

export interface BiasedSequence {
  tokens: readonly number[];
  bias: number;
}

/** `SequenceBiasLogitsProcessor`: adds to the score of the token that would complete a sequence. */
export class SequenceBias implements LogitsProcessor {
  readonly #single: BiasedSequence[];
  readonly #longer: BiasedSequence[];

  constructor(sequences: readonly BiasedSequence[]) {
    this.#single = sequences.filter(({ tokens }) => tokens.length === 1);
    this.#longer = sequences.filter(({ tokens }) => tokens.length > 1);
  }

  process(scores: Float32Array, tokens: Int32Array): void {
    for (const { tokens: word, bias } of this.#single) scores[word[0]] += bias;
    for (const { tokens: word, bias } of this.#longer) {
      const from = tokens.length - (word.length - 1);
      if (from < 0 || !word.every((token, i) => i === word.length - 1 || tokens[from + i] === token))
        continue;
      scores[word[word.length - 1]] += bias;
    }
  }
}

/** Words that may be banned: the end token alone is not one. */
export function bannedWords<Word extends readonly number[]>(
  words: readonly Word[],
  endIds: readonly number[],
) {
  return words.filter((word) => !(word.length === 1 && endIds.includes(word[0])));
}

/** `NoBadWordsLogitsProcessor`: sequences that must not be completed. */
export function badWords(words: readonly (readonly number[])[], endIds: readonly number[]): SequenceBias {
  return new SequenceBias(bannedWords(words, endIds).map((tokens) => ({ tokens, bias: forbidden })));
}

/** `ExponentialDecayLengthPenalty`: the end gets likelier from `start` new tokens on. */
export class ExponentialDecayLengthPenalty implements LogitsProcessor {
  constructor(
    private readonly start: number,
    private readonly factor: number,
    private readonly endIds: readonly number[],
  ) {}

  process(scores: Float32Array, tokens: Int32Array, { promptLength }: LogitsContext): void {
    const beyond = tokens.length - promptLength - this.start;
    if (beyond <= 0) return;
    const growth = fround(this.factor ** beyond - 1);
    for (const id of this.endIds) scores[id] += fround(Math.abs(scores[id]) * growth);
  }
}
