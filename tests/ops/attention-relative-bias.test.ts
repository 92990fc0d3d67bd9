import { describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { type AttentionOptions, attention, type RelativeBias } from "../../src/tensor/ops/attention.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  randomData,
} from "../support/ops.js";

const int32 = (values: number[]) => tensor(Int32Array.from(values), [values.length]);

interface Buckets {
  count: number;
  bidirectional: boolean;
  maxDistance: number;
}

// T5Attention._relative_position_bucket in double precision, but for distances on the edge of two buckets, which no
// case here has: the fixtures below are the referee for those.
function bucketOf(distance: number, { count, bidirectional, maxDistance }: Buckets): number {
  const side = bidirectional ? Math.floor(count / 2) : count;
  const first = bidirectional && distance > 0 ? side : 0;
  const away = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(side / 2);
  if (away < exact) return first + away;
  const step = (Math.log(away / exact) / Math.log(maxDistance / exact)) * (side - exact);
  return first + Math.min(side - 1, exact + Math.floor(step + 1e-6));
}

const fixtures = await fixtureCases("t5_relative_buckets");

describe("buckets against Transformers", () => {
  test.each(fixtures.map((c) => [c.case, c] as const))("%s", async (_, c) => {
    const { num_buckets, bidirectional, max_distance } = c.meta;
    const relative = c.tensors.get("relative")!.data;
    const expected = Array.from(c.tensors.get("bucket")!.data);
    const most = Math.max(...relative);
    expect(Array.from(relative)).toEqual(Array.from({ length: 2 * most + 1 }, (_, i) => i - most));
    // Scores are 0: the probabilities of a row are exp(bias) up to a factor, and the bias is half of the bucket.
    const length = most + 1;
    const x = tensor(new Float32Array(length), [length, 1]);
    const table = tensor(
      Float32Array.from({ length: num_buckets }, (_, bucket) => bucket / 2),
      [num_buckets, 1],
    );
    const { weights } = attention(x, x, x, {
      heads: 1,
      offsets: int32([0, length]),
      relativeBias: { table, bidirectional, maxDistance: max_distance },
      returnWeights: true,
    });
    const p = await weights.data();
    const actual = (query: number) =>
      Array.from({ length }, (_, key) => {
        const ratio = p[query * length + key] / p[query * length + query]; // distance 0 is in bucket 0
        return Math.round(2 * Math.log(ratio));
      });
    expect(actual(0)).toEqual(expected.slice(most)); // distances 0 to most
    expect(actual(most)).toEqual(expected.slice(0, length)); // -most to 0
  });
});

interface Sizes {
  heads: number;
  size: number;
  lengths: number[];
  keyLengths?: number[];
  buckets: Buckets;
  options?: Partial<AttentionOptions>;
}

const encoder: Buckets = { count: 32, bidirectional: true, maxDistance: 128 };
const decoder: Buckets = { count: 32, bidirectional: false, maxDistance: 128 };

const cases: [string, Sizes][] = [
  ["encoder", { heads: 3, size: 8, lengths: [7, 1, 0, 33], buckets: encoder }],
  ["decoder", { heads: 2, size: 16, lengths: [40, 150], buckets: decoder, options: { causal: true } }],
  [
    "few buckets",
    { heads: 2, size: 5, lengths: [19, 70], buckets: { ...encoder, count: 8, maxDistance: 20 } },
  ],
  [
    "least buckets",
    { heads: 1, size: 4, lengths: [9], buckets: { count: 2, bidirectional: false, maxDistance: 2 } },
  ],
  [
    "more keys than queries, causal",
    {
      heads: 2,
      size: 8,
      lengths: [1, 5, 2],
      keyLengths: [30, 200, 2],
      buckets: decoder,
      options: { causal: true },
    },
  ],
  ["more queries than keys", { heads: 2, size: 8, lengths: [50, 3], keyLengths: [7, 0], buckets: encoder }],
  [
    "dropout and scale",
    { heads: 2, size: 8, lengths: [21, 64], buckets: encoder, options: { dropout: 0.2, scale: 1 } },
  ],
  ["several key blocks", { heads: 1, size: 8, lengths: [700], buckets: encoder }],
  [
    "several key blocks, causal",
    { heads: 1, size: 8, lengths: [1100], buckets: decoder, options: { causal: true } },
  ],
];

function startsOf(lengths: number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}

// The dense bias (B, H, rows, columns) that the table stands for.
function denseBias(s: Sizes, table: Float32Array): { shape: number[]; data: Float32Array } {
  const keyLengths = s.keyLengths ?? s.lengths;
  const shape = [s.lengths.length, s.heads, Math.max(...s.lengths), Math.max(...keyLengths)];
  const data = new Float32Array(shape.reduce((n, d) => n * d, 1));
  forEachScore(s, shape, (at, bucket, head) => {
    data[at] = table[bucket * s.heads + head];
  });
  return { shape, data };
}

function forEachScore(s: Sizes, shape: number[], visit: (at: number, bucket: number, head: number) => void) {
  const keyLengths = s.keyLengths ?? s.lengths;
  for (const [b, rows] of s.lengths.entries()) {
    for (let head = 0; head < s.heads; head++) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < keyLengths[b]; j++) {
          const at = ((b * s.heads + head) * shape[2] + i) * shape[3] + j;
          visit(at, bucketOf(j - (i + keyLengths[b] - rows), s.buckets), head);
        }
      }
    }
  }
}

function run(s: Sizes, biases: { bias?: Tensor; relativeBias?: RelativeBias }) {
  const width = s.heads * s.size;
  const [offsets, keyOffsets] = [startsOf(s.lengths), startsOf(s.keyLengths ?? s.lengths)];
  const leaf = (rows: number, seed: number) =>
    tensor(randomData([rows, width], seed), [rows, width], { requiresGrad: true });
  const [rows, keys] = [offsets[offsets.length - 1], keyOffsets[keyOffsets.length - 1]];
  const [q, k, v] = [leaf(rows, 1), leaf(keys, 2), leaf(keys, 3)];
  const options = { heads: s.heads, offsets: int32(offsets), keyOffsets: int32(keyOffsets), ...s.options };
  const call = { ...options, ...biases, generator: new Generator(5, 1), returnWeights: true } as const;
  const { output, weights } = attention(q, k, v, call);
  output.backward(tensor(randomData([rows, width], 4), [rows, width]));
  return {
    output: output.dataSync(),
    weights: weights.dataSync(),
    dq: q.grad!.dataSync(),
    dk: k.grad!.dataSync(),
    dv: v.grad!.dataSync(),
  };
}

const names = ["output", "weights", "dq", "dk", "dv"] as const;

describe("relativeBias against the dense bias that it replaces", () => {
  test.each(cases)("%s", (_, s) => {
    const { count, bidirectional, maxDistance } = s.buckets;
    const data = randomData([count, s.heads], 9);
    const relative = () => {
      const table = tensor(data, [count, s.heads], { requiresGrad: true });
      return { table, bidirectional, maxDistance };
    };
    const [used, again] = [relative(), relative()];
    const dense = denseBias(s, data);
    const bias = tensor(dense.data, dense.shape, { requiresGrad: true });
    const [expected, actual] = [run(s, { bias }), run(s, { relativeBias: used })];
    for (const name of names) expectSameBits(actual[name], expected[name], name);

    const dtable = new Float64Array(count * s.heads);
    const dbias = bias.grad!.dataSync();
    forEachScore(s, dense.shape, (at, bucket, head) => {
      dtable[bucket * s.heads + head] += dbias[at];
    });
    expectClose(used.table.grad!.dataSync(), dtable, 2e-6, "dtable");

    setThreads(1);
    const alone = run(s, { relativeBias: again });
    setThreads(2);
    for (const name of names) expectSameBits(alone[name], actual[name], `${name} on one thread`);
    expectSameBits(again.table.grad!.dataSync(), used.table.grad!.dataSync(), "dtable on one thread");
  });
});

describe("relativeBias", () => {
  test("gradients against differences, beside a dense bias", async () => {
    const shape = [5, 6];
    const attend = (q: Tensor, k: Tensor, v: Tensor, bias: Tensor, table: Tensor) =>
      attention(q, k, v, {
        heads: 2,
        offsets: int32([0, 3, 5]),
        bias,
        relativeBias: { table, bidirectional: true, maxDistance: 3 },
      });
    const inputs = [
      ...[1, 2, 3].map((seed) => ({ shape, data: randomData(shape, seed) })),
      { shape: [1, 2, 3, 3], data: randomData([1, 2, 3, 3], 4) },
      { shape: [6, 2], data: randomData([6, 2], 5) },
    ];
    await checkGradients(attend, inputs);
    for (const wrt of [[4], [0, 4], [2]]) await checkGradients(attend, inputs, { wrt });
  });

  test("the last query of a cache gets what it gets in the whole sequence", async () => {
    const [length, width] = [70, 16];
    const [q, k, v] = [1, 2, 3].map((seed) => tensor(randomData([length, width], seed), [length, width]));
    const table = tensor(randomData([32, 2], 4), [32, 2]);
    const options = { heads: 2, causal: true, relativeBias: { table, bidirectional: false } };
    const whole = await attention(q, k, v, { ...options, offsets: int32([0, length]) }).data();
    for (const rows of [1, 6]) {
      const last = attention(q.slice(length - rows, length), k, v, {
        ...options,
        offsets: int32([0, rows]),
        keyOffsets: int32([0, length]),
      });
      expectClose(await last.data(), whole.subarray((length - rows) * width), 1e-6, `${rows} rows`);
    }
  });

  test("misuse", () => {
    const x = tensor(new Float32Array(24), [4, 6]);
    const table = (...shape: number[]) => tensor(new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);
    const given = (relative: Partial<RelativeBias>) => () =>
      attention(x, x, x, {
        heads: 2,
        offsets: int32([0, 4]),
        relativeBias: { table: table(32, 2), bidirectional: true, ...relative },
      });
    given({})();
    const named = "relativeBias.table";
    expectCode(given({ table: table(32, 3) }), "ERR_SHAPE", `${named} must be (32, 2), got (32, 3)`);
    expectCode(given({ table: table(32) }), "ERR_SHAPE", named);
    expectCode(given({ table: table(3, 2) }), "ERR_SHAPE", `${named} must have at least 4 rows`);
    expectCode(given({ table: table(1, 2), bidirectional: false }), "ERR_SHAPE", "at least 2 rows");
    expectCode(given({ table: null as never }), "ERR_ARGUMENT", named);
    expectCode(given({ table: tensor(new Int32Array(64), [32, 2]) }), "ERR_DTYPE", named);
    expectCode(given({ bidirectional: undefined as never }), "ERR_ARGUMENT", "bidirectional");
    expectCode(given({ maxDistance: 8 }), "ERR_ARGUMENT", "relativeBias.maxDistance");
    expectCode(given({ maxDistance: 0.5 }), "ERR_ARGUMENT", "relativeBias.maxDistance");
    expectCode(given({ maxDistance: 16, bidirectional: false }), "ERR_ARGUMENT", "maxDistance");
  });
});
