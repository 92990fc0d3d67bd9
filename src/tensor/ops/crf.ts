// Linear-chain conditional random fields over ragged batches. The arithmetic is in native/ops/crf.
import { callOp, callOpMany, handleOf, requireObject } from "../call.js";
import type { Tensor } from "../tensor.js";
import { type Reduction, reductionNumber } from "./reduction.js";

/** What all sequences share. -Infinity forbids: such paths have probability 0, and the score a gradient of 0. */
export interface CrfScores {
  /** (K, K): of going from tag i to tag j at [i, j]. */
  transitions: Tensor;
  /** (K): of beginning, and of ending, with a tag. */
  start: Tensor;
  end: Tensor;
}

function handlesOf(op: string, scores: CrfScores): [number, number, number] {
  const { transitions, start, end } = requireObject(scores, op, "scores");
  return [handleOf(transitions, op, "transitions"), handleOf(start, op, "start"), handleOf(end, op, "end")];
}

/**
 * The negative log-likelihood of tags under a linear-chain CRF (Lafferty, McCallum & Pereira, "Conditional random
 * fields", ICML 2001, section 3): log of the sum over all paths of exp(score), minus the score of the path given;
 *
 *     score = start[y_1] + sum of emissions[t, y_t] + sum of transitions[y_t, y_t+1] + end[y_n]
 *
 * Gradients for emissions, transitions, start and end. They are finite whatever is forbidden; the loss of a path that
 * is forbidden itself is Infinity.
 *
 * @param emissions f32 (T, K), or on a GPU bf16 with scores in bf16: computed in fp32 either way
 * @param offsets i32 (B+1): sequence b is rows offsets[b] to offsets[b+1]; an empty one has a loss of 0
 * @param tags i32 (T): 0 to K - 1
 * @param reduction over sequences; default "mean", over those that are not empty
 * @returns a scalar, or (B) without reduction. The mean over no sequences is NaN, with a gradient of 0.
 * @throws ERR_SHAPE (on a GPU also for more than 2048 tags), ERR_DTYPE, ERR_ARGUMENT; ERR_DATA when the result is
 *   read, for a tag outside 0..K-1
 * @example ops.crfNll(emissions, offsets, tags, { transitions, start, end }).backward();
 */
export function crfNll(
  emissions: Tensor,
  offsets: Tensor,
  tags: Tensor,
  scores: CrfScores,
  options: { reduction?: Reduction } = {},
): Tensor {
  const op = "crf_nll";
  return callOp(
    op,
    handleOf(emissions, op, "emissions"),
    handleOf(offsets, op, "offsets"),
    handleOf(tags, op, "tags"),
    ...handlesOf(op, scores),
    reductionNumber(requireObject(options, op).reduction, op),
  );
}

/**
 * The path of the largest score (Viterbi 1967); of equal ones the smaller tag is taken, from the last row back. No
 * gradient.
 *
 * @param emissions and all else as of {@link crfNll}
 * @returns tags i32 (T), and the score of each sequence's path, f32 (B): 0 of an empty one
 * @throws ERR_SHAPE, ERR_DTYPE, ERR_ARGUMENT
 * @example const { tags } = ops.crfDecode(emissions, offsets, { transitions, start, end });
 */
export function crfDecode(
  emissions: Tensor,
  offsets: Tensor,
  scores: CrfScores,
): { tags: Tensor; scores: Tensor } {
  const op = "crf_decode";
  const [tags, best] = callOpMany(
    op,
    handleOf(emissions, op, "emissions"),
    handleOf(offsets, op, "offsets"),
    ...handlesOf(op, scores),
  );
  return { tags, scores: best };
}
