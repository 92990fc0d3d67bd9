// Transformer and segment ops give the same bits whatever the number of threads: forward, and every gradient.
import { afterAll, describe, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { attention } from "../../src/tensor/ops/attention.js";
import { crfNll } from "../../src/tensor/ops/crf.js";
import { lstm } from "../../src/tensor/ops/lstm.js";
import { dropout, layerNorm } from "../../src/tensor/ops/norm.js";
import { segmentCrossEntropy, segmentReduce, segmentSoftmax } from "../../src/tensor/ops/segment.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { countOf, evaluate, expectSameBits, randomData } from "../support/ops.js";

const [rows, width, heads] = [901, 36, 3];
const full = [rows, width];
const starts = Int32Array.of(0, 300, 300, 317, 900, 901); // the longest has two blocks of keys
const offsets = () => tensor(starts, [starts.length]);
const labels = Int32Array.from({ length: rows }, (_, i) => (7 * i) % width);
const random = () => ({ dropout: 0.2, generator: new Generator(4) });

const cases: Record<string, { shapes: number[][]; fn: (...x: Tensor[]) => Tensor }> = {
  layer_norm: {
    shapes: [full, full, [width], [width]],
    fn: (x, residual, weight, bias) => layerNorm(x, weight, bias, { residual, ...random() }),
  },
  dropout: { shapes: [full], fn: (x) => dropout(x, 0.2, { generator: new Generator(4) }) },
  attention: {
    shapes: [full, full, full],
    fn: (q, k, v) => attention(q, k, v, { heads, offsets: offsets(), ...random() }),
  },
  "attention, causal, shared bias": {
    shapes: [full, full, full, [1, heads, 583, 583]],
    fn: (q, k, v, bias) => attention(q, k, v, { heads, offsets: offsets(), causal: true, bias, ...random() }),
  },
  segment_reduce: { shapes: [full], fn: (x) => segmentReduce(x, offsets(), "mean") },
  segment_softmax: { shapes: [full], fn: (x) => segmentSoftmax(x, offsets()) },
  lstm: {
    shapes: [full, [width, width / 4], [5, width / 4]],
    fn: (x, weightHh, h0) => lstm(x, offsets(), { weightHh }, { h0 }).output,
  },
  crf_nll: {
    shapes: [full, [width, width], [width], [width]],
    fn: (x, transitions, start, end) =>
      crfNll(x, offsets(), tensor(labels, [rows]), { transitions, start, end }),
  },
  segment_cross_entropy: {
    shapes: [[rows]],
    fn: (x) => segmentCrossEntropy(x, offsets(), tensor(Int32Array.of(5, 0, 16, 99, 0), [5])),
  },
};

describe("1, 2 and 5 threads give the same bits", () => {
  afterAll(() => setThreads(2));

  test.each(Object.keys(cases))("%s", (name) => {
    const { shapes, fn } = cases[name];
    const inputs = shapes.map((shape, i) => ({ shape, data: randomData(shape, i + 4) }));
    const { shape } = evaluate(fn, inputs);
    const upstream = randomData(shape, 9);
    if (countOf(shape) === 1) upstream[0] = 1;
    const results = [1, 2, 5].map((threads) => {
      setThreads(threads);
      return evaluate(fn, inputs, upstream);
    });
    for (const result of results.slice(1)) {
      expectSameBits(result.output, results[0].output, "value");
      result.gradients.forEach((g, i) => {
        expectSameBits(g!, results[0].gradients[i]!, `gradient ${i}`);
      });
    }
  });
});
