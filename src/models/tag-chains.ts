// Taggers over words: of each sequence's tokens those that begin a word make a chain, for which an LSTM or a CRF
// wants rows without gaps.
import { concat, gatherRows } from "../tensor/ops/shape.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collected,
  type Example,
  integerLabels,
  tokenLabels,
} from "./batch.js";

const notCounted = -100;

/**
 * What a tagger's head collates, for its `collate` method. The chain of a sequence is its tokens that begin a word
 * (`wordStarts`, as the task of token classification has them; without them every token), and of these, where there
 * are labels, the ones whose label is not -100. Of N rows in all chains `batch.extra` then has
 *
 * - `chainRows` i32 (N): which of the batch's T rows they are, for gatherRows;
 * - `chainOffsets` i32 (B+1): where chains begin among the N;
 * - `chainPlaces` i32 (T): the place among the N of each token, or N: it has none;
 * - `labels` i32 (N), where examples have labels.
 *
 * `lossCount` is the number of chains that are not empty: what the mean over sequences divides by.
 *
 * @throws ERR_ARGUMENT naming the example
 */
export function collateTagChains(examples: readonly Example[], device: string): BatchLabels {
  const labels = collected(examples, "labels", (example) => example.labels);
  if (labels) tokenLabels(examples, labels, device).tensor.dispose(); // one for each token, or it throws
  const rows: number[] = [];
  const tags: number[] = [];
  const bounds = [0];
  let first = 0; // row of the sequence's first token
  let chains = 0;
  examples.forEach((example, b) => {
    const { length } = example.inputIds ?? example.ids ?? [];
    const own = labels?.[b] as ArrayLike<number> | undefined;
    for (const token of Array.from(example.wordStarts ?? { length }, (start, i) => start ?? i)) {
      if (own && own[token] === notCounted) continue;
      rows.push(first + token);
      if (own) tags.push(own[token]);
    }
    if (rows.length > bounds[b]) chains++;
    bounds.push(rows.length);
    first += length;
  });
  const places = new Int32Array(first).fill(rows.length);
  rows.forEach((row, place) => {
    places[row] = place;
  });
  const integers = (values: ArrayLike<number>) =>
    tensor(Int32Array.from(values), [values.length], { device: device as "cpu" });
  const tensors = {
    chainRows: integers(rows),
    chainOffsets: integers(bounds),
    chainPlaces: integers(places),
  };
  if (!labels) return { tensors, lossCount: 0 };
  return { tensors: { ...tensors, labels: integerLabels(tags, "labels", device) }, lossCount: chains };
}

/**
 * Logits (T, K) that say what paths say, for tasks that read a class of each token from them: 0 for the path's tag and
 * -100 for the others, whose probability is then 0; all 0 for tokens outside of the chains.
 *
 * @param tags i32 (N), as Crf.decode gives them for the chains of collateTagChains()
 * @param classes K
 */
export function pathLogits(tags: Tensor, batch: Batch, classes: number): Tensor {
  const table = new Float32Array((classes + 1) * classes).fill(-100, 0, classes * classes);
  for (let tag = 0; tag < classes; tag++) table[tag * classes + tag] = 0;
  const options = { device: tags.device as "cpu" };
  const outside = tensor(Int32Array.of(classes), [1], options);
  const chosen = gatherRows(concat([tags, outside]), batch.extra.chainPlaces); // (T): a tag, or K
  return gatherRows(tensor(table, [classes + 1, classes], options), chosen);
}
