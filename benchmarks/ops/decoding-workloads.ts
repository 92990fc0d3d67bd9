// The ops of one decoding step of a Marian-sized model: 32 sources with 4 beams each, 8 heads of 64, 58,101 words.
import {
  beamTopK,
  cachedAttention,
  mul,
  type ProcessLogitsOptions,
  processLogits,
  topK,
  writeRows,
} from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";

export const sizes = { sources: 32, beams: 4, heads: 8, size: 64, past: 64, source: 24, words: 58101 };
const { sources, beams, heads, size, past, source, words } = sizes;
const rows = sources * beams;
const width = heads * size;

const random = (shape: number[], seed: number): Tensor => tensor(randomData(shape, seed), shape);
const ints = (data: ArrayLike<number>, shape: number[]): Tensor => tensor(Int32Array.from(data), shape);
const each = <T>(count: number, f: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => f(i));

/** Attention to the past: `shared` of its tokens are common to the beams of a source, the others a beam's own. */
export function selfAttention(shared: number): () => Tensor {
  const own = past - shared;
  const of = (row: number, j: number) => {
    const first = Math.floor(row / beams) * (shared + beams * own);
    return j < shared ? first + j : first + shared + (row % beams) * own + (j - shared);
  };
  const capacity = sources * (shared + beams * own);
  const [q, keys, values] = [rows, capacity, capacity].map((n, i) => random([n, width], i + 1));
  const lengths = ints(new Array(rows).fill(past), [rows]);
  const table = ints(
    each(rows * past, (i) => of(Math.floor(i / past), i % past)),
    [rows, past],
  );
  return () => cachedAttention(q, keys, values, { heads, lengths, rows: table });
}

/** Attention to the source, whose rows its beams share. */
export function crossAttention(): () => Tensor {
  const [q, keys, values] = [rows, sources * source, sources * source].map((n, i) =>
    random([n, width], i + 1),
  );
  const lengths = ints(new Array(rows).fill(source), [rows]);
  const starts = ints(
    each(rows, (i) => Math.floor(i / beams) * source),
    [rows],
  );
  return () => cachedAttention(q, keys, values, { heads, lengths, starts });
}

export function writing(): () => void {
  const [target, x] = [random([rows * past, width], 1), random([rows, width], 2)];
  const at = ints(
    each(rows, (i) => i * past + 7),
    [rows],
  );
  return () => writeRows(target, at, x);
}

const logits = (): Tensor =>
  tensor(
    randomData([rows, words], 1).map((v) => 3 * v),
    [rows, words],
  );

export function choosing(): () => void {
  const x = logits();
  return () => void topK(x, 2 * beams);
}

export function beamStep(): () => void {
  const x = logits();
  const scores = random([rows], 2);
  return () => void beamTopK(x, scores, 2 * beams, { beams, logSoftmax: true });
}

/** On a copy, as logits change in place; without options the copy alone. */
export function processing(options: ProcessLogitsOptions): () => void {
  const x = logits();
  const history = tensor(randomIntegers([rows * past], 3, 0, words), [rows, past]);
  const historyLengths = ints(new Array(rows).fill(past), [rows]);
  return () => void processLogits(mul(x, 1), { ...options, history, historyLengths });
}

export const bytesOf = {
  self: 2 * rows * past * width * 4,
  cross: 2 * sources * source * width * 4,
  write: 2 * rows * width * 4,
  logits: rows * words * 4,
};
