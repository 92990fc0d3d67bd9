// Language modelling: which tokens a model has to predict. Masked (Devlin et al. 2019, section 3.1; Transformers'
// DataCollatorForLanguageModeling): a share of the tokens, or of the words, becomes labels; of these 80 % are replaced
// by the mask token, 10 % by a random token, 10 % stay. Causal: every token is a label.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import type { Random } from "../../tensor/random-stream.js";
import { idsOf } from "../task.js";
import { type Collated, layOut, type PaddingOptions, type PaddingTokens } from "./collated.js";

const WHO = "languageModelingCollator";

/** An example that says which of its tokens may be masked; an Encoding is one. */
export interface MaskableExample extends Example {
  /** 1 for tokens that are never masked. Default: the special tokens of the tokenizer. */
  specialTokensMask?: ArrayLike<number>;
  /** The word of each token, for whole words: neighbours of one number are one word; null or -1 for no word. */
  wordIds?: ArrayLike<number | null>;
  /** Without word ids: start and end of each token, two numbers per token; a gap begins a word. */
  offsets?: ArrayLike<number>;
}

/** What masking needs of a tokenizer. */
export interface MaskingTokens extends PaddingTokens {
  readonly maskTokenId: number | null;
  readonly clsTokenId: number | null;
  readonly sepTokenId: number | null;
  readonly unkTokenId: number | null;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly vocabSize: number;
}

export interface LanguageModelingOptions {
  tokenizer: MaskingTokens;
  /** Masked (default), or causal: labels are the ids. */
  mlm?: boolean;
  /** Share of the tokens, or words, to predict; default 0.15. */
  probability?: number;
  /** Decides for all tokens of a word at once; needs word ids or offsets. Default false. */
  wholeWord?: boolean;
  /** Share of the tokens to predict that the mask token stands for; default 0.8. */
  maskShare?: number;
  /** Share that a random token stands for; default 0.1. The rest stays. */
  randomShare?: number;
}

/** Gives examples their labels; `random` decides which tokens. */
export type LanguageModelingCollator<Result> = (
  examples: readonly MaskableExample[],
  random?: Random,
) => Result;

/**
 * A function that makes the labels of language modelling. It is pure: the same examples and random numbers give the
 * same labels. Without `padding` it gives examples of their own lengths for `model.collate`, with it
 * rectangles (B, L) as `DataCollatorForLanguageModeling` does.
 *
 * @throws ERR_ARGUMENT for options out of range, a tokenizer without mask token, masking without `random`, whole
 *   words without word ids or offsets
 * @example
 * const mask = languageModelingCollator({ tokenizer, wholeWord: true });
 * const examples = mask(tokenizer.encodeBatch(texts), new Random(42)); // [{ inputIds, labels }, ...]
 */
export function languageModelingCollator(
  options: LanguageModelingOptions & PaddingOptions & { padding: "longest" | "max_length" },
): LanguageModelingCollator<Collated>;
export function languageModelingCollator(
  options: LanguageModelingOptions & { padding?: false },
): LanguageModelingCollator<Example[]>;
export function languageModelingCollator(
  options: LanguageModelingOptions & PaddingOptions,
): LanguageModelingCollator<Example[] | Collated> {
  const { mlm = true } = options;
  const label = mlm ? masker(options) : causal;
  return (examples, random) => {
    const labelled = examples.map((example) => label(example, random));
    const { padding = false } = options;
    if (padding === false) return labelled;
    return layOut(labelled, options, [
      { name: "labels", of: (example) => example.labels as ArrayLike<number>, padding: -100 },
    ]);
  };
}

function causal(example: MaskableExample): Example {
  const inputIds = Int32Array.from(idsOf(example));
  return { ...kept(example), inputIds, labels: inputIds.slice() };
}

/** What an example keeps beside ids and labels. */
function kept(example: MaskableExample): Example {
  const { row, positionIds, nextSentenceLabel, sentenceOrderLabel } = example;
  const tokenTypeIds = example.tokenTypeIds ?? example.typeIds;
  return {
    ...(tokenTypeIds && { tokenTypeIds }),
    ...(positionIds && { positionIds }),
    ...(nextSentenceLabel !== undefined && { nextSentenceLabel }),
    ...(sentenceOrderLabel !== undefined && { sentenceOrderLabel }),
    ...(row !== undefined && { row }),
  };
}

function masker(options: LanguageModelingOptions): (example: MaskableExample, random?: Random) => Example {
  const { tokenizer, wholeWord = false } = options;
  const probability = share("probability", options.probability ?? 0.15, 1);
  const maskShare = share("maskShare", options.maskShare ?? 0.8, 1);
  const randomShare = share("randomShare", options.randomShare ?? 0.1, 1 - maskShare);
  const { maskTokenId, vocabSize } = tokenizer;
  if (maskTokenId === null) refuse("tokenizer must have a mask token, got one without");
  const specials = specialIds(tokenizer);
  return (example, random) => {
    if (!random) refuse("random must be given to mask tokens, got none");
    const ids = Int32Array.from(idsOf(example));
    const labels = new Int32Array(ids.length).fill(-100);
    const special = example.specialTokensMask;
    const words = wholeWord ? wordsOf(example) : undefined;
    let chosen = false;
    for (let i = 0; i < ids.length; i++) {
      if (special ? special[i] !== 0 : specials.has(ids[i])) continue;
      // All tokens of a word share the decision that was made for its first one.
      if (!words?.continues(i)) chosen = random.uniform() < probability;
      if (!chosen) continue;
      labels[i] = ids[i];
      const draw = random.uniform();
      if (draw < maskShare) ids[i] = maskTokenId;
      else if (draw < maskShare + randomShare) ids[i] = random.below(vocabSize);
    }
    return { ...kept(example), inputIds: ids, labels };
  };
}

/** Says whether a token continues the word of the token before it. */
function wordsOf(example: MaskableExample): { continues(token: number): boolean } {
  const { wordIds, offsets } = example;
  const special = example.specialTokensMask;
  if (wordIds) {
    return {
      continues: (i) =>
        i > 0 &&
        wordIds[i] !== null &&
        wordIds[i] !== -1 &&
        wordIds[i] === wordIds[i - 1] &&
        !special?.[i - 1],
    };
  }
  if (offsets) {
    return { continues: (i) => i > 0 && !special?.[i - 1] && offsets[2 * i] === offsets[2 * i - 1] };
  }
  refuse("examples must have wordIds or offsets for whole words, got neither");
}

function specialIds(tokenizer: MaskingTokens): Set<number | null> {
  const { padTokenId, maskTokenId, clsTokenId, sepTokenId, unkTokenId, bosTokenId, eosTokenId } = tokenizer;
  return new Set([padTokenId, maskTokenId, clsTokenId, sepTokenId, unkTokenId, bosTokenId, eosTokenId]);
}

function share(name: string, value: unknown, most: number): number {
  // 1 - 0.9 is a little less than 0.1.
  if (typeof value === "number" && value >= 0 && value <= most + 1e-9) return value;
  refuse(`${name} must be a number from 0 to ${Number(most.toFixed(6))}, got ${String(value)}`);
}

function refuse(what: string): never {
  throw new AthanorError("ERR_ARGUMENT", `${WHO}: ${what}`);
}
