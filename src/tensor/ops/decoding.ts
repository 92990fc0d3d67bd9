// From a model's logits to the next tokens. The arithmetic is in native/ops/process_logits and top_k.
import { AthanorError } from "../../errors.js";
import {
  callOpMany,
  handleOf,
  optionalHandle,
  requireInteger,
  requireNumber,
  requireObject,
} from "../call.js";
import type { Generator, RandomCall } from "../random.js";
import type { Tensor } from "../tensor.js";

/** The chosen elements of each row, best first. */
export interface TopK {
  /** f32 (N, k). */
  values: Tensor;
  /** i32 (N, k): where in the row they stand. */
  indices: Tensor;
}

export interface TopKOptions {
  /** Choose from `logSoftmax(x)`, which is made row by row and never stored; default false. */
  logSoftmax?: boolean;
  /**
   * Draw the k elements without replacement, with probabilities softmax(x), instead of taking the largest; in the order
   * drawn. One call of this generator. Elements of -inf come last.
   */
  generator?: Generator | null;
}

const noNoise: RandomCall = { seedLow: 0, seedHigh: 0, callLow: 0, callHigh: 0 };

function choose(x: Tensor, k: number, beams: number, scores: Tensor | null, options: TopKOptions): TopK {
  const op = "top_k";
  const handle = handleOf(x, op, "x");
  const count = requireInteger(k, op, "k", 1);
  const added = optionalHandle(scores, op, "scores");
  const { generator, logSoftmax = false } = requireObject(options, op);
  const { seedLow, seedHigh, callLow, callHigh } = generator ? generator.nextCall() : noNoise;
  const [values, indices] = callOpMany(
    op,
    handle,
    count,
    requireInteger(beams, op, "beams", 1),
    added,
    logSoftmax ? 1 : 0,
    generator ? 1 : 0,
    seedLow,
    seedHigh,
    callLow,
    callHigh,
  );
  return { values, indices };
}

/**
 * The k largest elements of every row, in descending order; of equal ones the smaller index first. NaN counts as larger
 * than anything, as in torch.topk, so that it is not overlooked. With a generator the elements are drawn instead: k = 1 is
 * a sample from softmax(x), as torch.multinomial makes it (by Gumbel noise: Kool et al., "Stochastic Beams and Where to
 * Find Them", 2019). Values are those of x, or of its log-softmax. No gradient.
 *
 * @param x (N, V), f32, on CUDA also bf16; a range of columns is read without a copy
 * @param k 1 to V, on CUDA to 1024
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED, ERR_ARGUMENT (also where x requires a gradient outside noGrad)
 * @example
 * const { values, indices } = ops.topK(tensor([1, 4, 2, 4], [1, 4]), 3); // 4, 4, 2 at 1, 3, 2
 */
export function topK(x: Tensor, k: number, options: TopKOptions = {}): TopK {
  return choose(x, k, 1, null, options);
}

export interface BeamTopKOptions extends TopKOptions {
  /** Rows per source: its beams. */
  beams: number;
}

/**
 * A step of beam search over all beams of a source at once: the k best of `x[r][v] + scores[r]` over the source's rows r
 * and all tokens v, or with logSoftmax of `logSoftmax(x)[r][v] + scores[r]`. What is read back is (sources, k). The bits
 * of the values are those of the three ops one after the other. See {@link topK} for order, drawing and NaN.
 *
 * @param x (S · beams, V), logits or processed log-probabilities; rows of a source are neighbours
 * @param scores f32 (S · beams), the scores of the beams so far
 * @param k how many continuations per source: twice the beams in Transformers, with one end token
 * @returns values f32 (S, k); indices i32 (S, k): beam · V + token, the beam counted within the source
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED, ERR_ARGUMENT
 *
 * Source: `_beam_search` and `_get_top_k_continuations` of Transformers' GenerationMixin.
 * @example
 * const { values, indices } = ops.beamTopK(logits, scores, 8, { beams: 4, logSoftmax: true }); // (S, 8)
 */
export function beamTopK(x: Tensor, scores: Tensor, k: number, options: BeamTopKOptions): TopK {
  return choose(x, k, requireObject(options, "top_k").beams, scores, options);
}

/** A list of tokens for each of several things: that of thing i is ids[offsets[i]] to ids[offsets[i + 1]]. */
export interface TokenLists {
  /** i32 (M), each 0 to V - 1. */
  ids: Tensor;
  /** i32, one more than there are lists: from 0, never decreasing, to M. */
  offsets: Tensor;
}

/** Every step may be left out; they are taken in this order, which is that of Transformers. */
export interface ProcessLogitsOptions {
  /** "first": the other steps work on log-probabilities, as in beam search; "last": the result is normalised. */
  logSoftmax?: "first" | "last" | "both" | null;
  /** i32 (N, L): the tokens of every row so far; what lies beyond historyLengths, or is no token of V, is passed over. */
  history?: Tensor | null;
  /** i32 (N), each 0 to L. */
  historyLengths?: Tensor | null;
  /** For every token of the history `x < 0 ? x * penalty : x / penalty`; above 0, default 1. */
  repetitionPenalty?: number;
  /** No n-gram of this size occurs twice; 0 or the default: none. */
  noRepeatNgramSize?: number;
  /** Sequences of tokens that must not occur, a list each. One that is the end token alone is for the caller to leave out. */
  badWords?: TokenLists | null;
  /** Tokens forbidden in a row, a list per row: the end tokens, below a minimum length. */
  banned?: TokenLists | null;
  /** The only tokens allowed in a row, a list per row; an empty list allows all. */
  allowed?: TokenLists | null;
  /** i32 (N): the one token that a row must take (its logit becomes 0), or -1. */
  forced?: Tensor | null;
  /** i32 (M): tokens forbidden in all rows, after the forced ones. */
  suppressed?: Tensor | null;
  /** Divisor; above 0, default 1. */
  temperature?: number;
  /** Keeps the k largest, and what equals the last of them; 0 or the default: all. */
  topK?: number;
  /** Keeps the most probable tokens as long as those before have less than p; 0 to 1, default 1: all. */
  topP?: number;
  /** Keeps what has at least this share of the largest probability; 0 to 1, default 0: all. */
  minP?: number;
  /** Keeps the tokens of most typical information until they have this mass; above 0 to 1, default 1: all. */
  typicalP?: number;
  /** topK, topP, minP and typicalP leave at least so many; default 1. Transformers: end tokens + 1 with beams. */
  minTokensToKeep?: number;
}

const logSoftmaxWhen = { first: 1, last: 2, both: 3 } as const;

function listHandles(lists: TokenLists | null | undefined, op: string, name: string): [number, number] {
  if (lists === null || lists === undefined) return [0, 0];
  requireObject(lists, op, name);
  return [handleOf(lists.ids, op, `${name}.ids`), handleOf(lists.offsets, op, `${name}.offsets`)];
}

/** The number of `logSoftmax` as the front takes it. */
function whenOf(when: ProcessLogitsOptions["logSoftmax"], op: string): number {
  if (when === null || when === undefined) return 0;
  if (!Object.hasOwn(logSoftmaxWhen, when)) {
    const names = Object.keys(logSoftmaxWhen).join(", ");
    throw new AthanorError("ERR_ARGUMENT", `${op}: logSoftmax must be one of ${names}, got ${String(when)}`);
  }
  return logSoftmaxWhen[when];
}

/**
 * What generation does to logits before a token is chosen, in place and in one command: the processors of Transformers in
 * the order of its `_get_logits_processor`; forbidden tokens become -inf. Steps that concern a few tokens touch those
 * alone, and where no step applies nothing is queued at all. No gradient; a pending backward that needs the old logits
 * throws ERR_VERSION.
 *
 * Of equal logits the smaller index is kept first. Rows with a NaN or +inf pass topP, minP and typicalP unchanged, and
 * NaN counts as the largest for topK, as in the reference. A row in which everything is forbidden is all -inf.
 *
 * @param logits f32 (N, V), changed; a range of columns is changed where it lies
 * @returns logits
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_DISPOSED; ERR_ARGUMENT for numbers, tokens and offsets out of range, a history that
 *   is needed and missing, logits that require a gradient outside noGrad. Indices made by an op that turn out wrong are
 *   ERR_DATA, from whoever reads logits.
 *
 * Source: `_get_logits_processor` and logits_process.py of Transformers; the papers are named in process_logits.h.
 * @example
 * ops.processLogits(logits, { temperature: 0.7, topK: 50, topP: 0.9 });
 * const { indices } = ops.topK(logits, 1, { generator }); // a sample
 */
export function processLogits(logits: Tensor, options: ProcessLogitsOptions = {}): Tensor {
  const op = "process_logits";
  requireObject(options, op);
  const number = (name: "repetitionPenalty" | "temperature" | "topP" | "minP" | "typicalP", none: number) =>
    requireNumber(options[name] ?? none, op, name);
  const handle = handleOf(logits, op, "logits");
  const history = [
    optionalHandle(options.history, op, "history"),
    optionalHandle(options.historyLengths, op, "historyLengths"),
  ];
  const steps = [
    whenOf(options.logSoftmax, op),
    number("repetitionPenalty", 1),
    requireInteger(options.noRepeatNgramSize ?? 0, op, "noRepeatNgramSize", 0),
    ...listHandles(options.badWords, op, "badWords"),
    ...listHandles(options.banned, op, "banned"),
    ...listHandles(options.allowed, op, "allowed"),
    optionalHandle(options.forced, op, "forced"),
    optionalHandle(options.suppressed, op, "suppressed"),
    number("temperature", 1),
    requireInteger(options.topK ?? 0, op, "topK", 0),
    number("topP", 1),
    number("minP", 0),
    number("typicalP", 1),
  ];
  if (steps.every((step, i) => step === nothing[i])) return logits;
  const keep = requireInteger(options.minTokensToKeep ?? 1, op, "minTokensToKeep", 1);
  callOpMany(op, handle, steps[0], ...history, ...steps.slice(1), keep);
  return logits;
}

// The steps of processLogits when none applies, in its order.
const nothing = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1];
