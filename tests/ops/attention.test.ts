import { describe, expect, test } from "@jest/globals";
import { type AttentionOptions, attention } from "../../src/tensor/ops/attention.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { type AttentionCase, attentionReference } from "../support/attention.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  type OpCase,
  onCuda,
  randomData,
} from "../support/ops.js";
import { dropoutFactor } from "../support/philox.js";

const cases = await fixtureCases("attention");
const mostHeadSize = onCuda() ? 128 : 256;
const int32 = (values: number[]) => tensor(Int32Array.from(values), [values.length]);

// Fixtures are padded, [B, H, T, D]. Positions that may be seen, as one list of b * T + t.
function keptPositions(c: OpCase, batch: number, time: number): number[] {
  const keep = c.tensors.get("keep")?.data;
  return Array.from({ length: batch * time }, (_, i) => i).filter((i) => !keep || keep[i]);
}

// [B, H, T, D] -> (positions, H*D), and back with zeros elsewhere.
function toRows(data: ArrayLike<number>, [, heads, time, size]: number[], positions: number[]): Float32Array {
  return Float32Array.from({ length: positions.length * heads * size }, (_, at) => {
    const [row, head, d] = [Math.floor(at / (heads * size)), Math.floor(at / size) % heads, at % size];
    const [b, t] = [Math.floor(positions[row] / time), positions[row] % time];
    return data[((b * heads + head) * time + t) * size + d];
  });
}

function offsetsOf(positions: number[], batch: number, time: number): number[] {
  return Array.from({ length: batch + 1 }, (_, b) => positions.filter((i) => i < b * time).length);
}

describe("attention against PyTorch", () => {
  test.each(cases.map((c) => [c.case, c] as const))("%s", async (_, c) => {
    const [batch, heads, rows] = c.tensors.get("q")!.shape;
    const shapes = {
      q: c.tensors.get("q")!.shape,
      k: c.tensors.get("k")!.shape,
      v: c.tensors.get("v")!.shape,
    };
    const queries = Array.from({ length: batch * rows }, (_, i) => i);
    const keys = keptPositions(c, batch, shapes.k[2]);
    const positions = { q: queries, k: keys, v: keys };
    const width = heads * shapes.q[3];
    const leaf = (name: "q" | "k" | "v") =>
      tensor(
        toRows(c.tensors.get(name)!.data, shapes[name], positions[name]),
        [positions[name].length, width],
        {
          requiresGrad: true,
        },
      );
    const leaves = { q: leaf("q"), k: leaf("k"), v: leaf("v") };
    const given = c.tensors.get("bias");
    const bias = given && tensor(given.data, given.shape, { requiresGrad: true });
    const keyOffsets = offsetsOf(keys, batch, shapes.k[2]);
    const call = (q: Tensor, options: Partial<AttentionOptions>) =>
      attention(q, leaves.k, leaves.v, {
        heads,
        offsets: int32(options.causal === false ? [0, q.shape[0]] : offsetsOf(queries, batch, rows)),
        keyOffsets: int32(keyOffsets),
        scale: c.meta.scale,
        causal: c.meta.causal,
        bias,
        ...options,
      }) as Tensor;
    const upstream = toRows(c.tensors.get("upstream")!.data, shapes.q, queries);
    const expected = toRows(c.tensors.get("output")!.data, shapes.q, queries);
    const tolerance = fixtureTolerance(c);
    // Padding after the keys shifts what causal queries see: those past the last key see all of them.
    const cut = c.meta.causal && c.tensors.has("keep") ? keys.length : batch * rows;
    const parts: [Tensor, number, number][] =
      cut === batch * rows
        ? [[call(leaves.q, {}), 0, cut]]
        : [
            [call(leaves.q.slice(0, cut), { offsets: int32([0, cut]) }), 0, cut],
            [call(leaves.q.slice(cut, rows), { causal: false }), cut, rows],
          ];
    for (const [output, begin, end] of parts) {
      expectClose(await output.data(), expected.subarray(begin * width, end * width), tolerance, "output");
      output.backward(tensor(upstream.subarray(begin * width, end * width), [end - begin, width]));
    }
    for (const name of ["q", "k", "v"] as const) {
      const gradient = toRows(c.tensors.get(`grad.${name}`)!.data, shapes[name], positions[name]);
      expectClose(await leaves[name].grad!.data(), gradient, tolerance, `grad.${name}`);
    }
    if (bias) expectClose(await bias.grad!.data(), c.tensors.get("grad.bias")!.data, tolerance, "grad.bias");
  });
});

interface Sizes {
  heads: number;
  size: number;
  lengths: number[];
  keyLengths?: number[];
  causal?: boolean;
  biasBatch?: number;
  dropout?: number;
}

function startsOf(lengths: number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
}

function randomCase(s: Sizes, seed = 1): AttentionCase & { p: number } {
  const [offsets, keyOffsets] = [startsOf(s.lengths), startsOf(s.keyLengths ?? s.lengths)];
  const width = s.heads * s.size;
  const [rows, keys] = [offsets[offsets.length - 1], keyOffsets[keyOffsets.length - 1]];
  const biasShape = [
    s.biasBatch ?? 0,
    s.heads,
    Math.max(...s.lengths) + 1,
    Math.max(...(s.keyLengths ?? s.lengths)) + 2,
  ];
  const p = s.dropout ?? 0;
  return {
    q: randomData([rows, width], seed),
    k: randomData([keys, width], seed + 1),
    v: randomData([keys, width], seed + 2),
    upstream: randomData([rows, width], seed + 3),
    bias: s.biasBatch ? { data: randomData(biasShape, seed + 4), shape: biasShape } : undefined,
    heads: s.heads,
    size: s.size,
    offsets,
    keyOffsets,
    causal: s.causal,
    scale: s.size ** -0.5,
    p,
    mask: p ? (row, head, key) => dropoutFactor(77, 5, (row * s.heads + head) * 2 ** 32 + key, p) : undefined,
  };
}

// Memory that new tensors get next holds NaN, so that what an op forgets to write is seen.
function spoilMemory(sizes: number[]) {
  const spoilt = sizes.map((n) => tensor(new Float32Array(n).fill(Number.NaN), [n]));
  for (const t of spoilt) {
    t.dataSync();
    t.dispose();
  }
}

function run(c: AttentionCase & { p: number }, returnWeights = false) {
  const width = c.heads * c.size;
  const leaf = (data: ArrayLike<number>) =>
    tensor(data, [data.length / width, width], { requiresGrad: true });
  const [q, k, v] = [leaf(c.q), leaf(c.k), leaf(c.v)];
  const bias = c.bias && tensor(c.bias.data, c.bias.shape, { requiresGrad: true });
  spoilMemory([c.q.length]);
  const result = attention(q, k, v, {
    heads: c.heads,
    offsets: int32(c.offsets),
    keyOffsets: int32(c.keyOffsets),
    causal: c.causal,
    bias,
    dropout: c.p,
    generator: new Generator(77, 5),
    returnWeights,
  });
  const { output, weights } = "output" in result ? result : { output: result, weights: undefined };
  spoilMemory([c.q.length, c.k.length, c.v.length, c.bias?.data.length ?? 0]);
  output.backward(tensor(c.upstream!, output.shape));
  return {
    output: output.dataSync(),
    weights: weights?.dataSync(),
    dq: q.grad!.dataSync(),
    dk: k.grad!.dataSync(),
    dv: v.grad!.dataSync(),
    dbias: bias?.grad?.dataSync(),
  };
}

const tables: [string, Sizes][] = [
  ["no rows", { heads: 2, size: 4, lengths: [0] }],
  ["no sequences", { heads: 2, size: 4, lengths: [] }],
  ["head size 1, one token", { heads: 1, size: 1, lengths: [1] }],
  ["odd head size, uneven lengths, an empty sequence", { heads: 3, size: 5, lengths: [7, 1, 0, 19] }],
  ["cross", { heads: 2, size: 8, lengths: [3, 5, 2], keyLengths: [11, 0, 4] }],
  ["causal with more keys", { heads: 2, size: 8, lengths: [3, 5], keyLengths: [11, 5], causal: true }],
  ["causal, rows that see nothing", { heads: 2, size: 8, lengths: [9, 5], keyLengths: [4, 0], causal: true }],
  ["bias per sequence", { heads: 2, size: 16, lengths: [9, 33, 4], biasBatch: 3 }],
  ["shared bias, causal", { heads: 2, size: 16, lengths: [9, 33, 4], biasBatch: 1, causal: true }],
  [
    "dropout, bias, causal",
    { heads: 3, size: 12, lengths: [9, 0, 33], biasBatch: 1, causal: true, dropout: 0.3 },
  ],
  ["off the row block", { heads: 1, size: 64, lengths: [129, 257, 31] }],
  ["off the row block, causal", { heads: 2, size: 16, lengths: [200, 331], causal: true }],
  // Kernels for the GPU end at 128 columns per head.
  [`head size ${mostHeadSize}`, { heads: 1, size: mostHeadSize, lengths: [40, 3] }],
  ["several key blocks", { heads: 1, size: 24, lengths: [700, 3] }],
  ["several key blocks, dropout", { heads: 1, size: 24, lengths: [50], keyLengths: [700], dropout: 0.1 }],
  ["several key blocks, causal, bias", { heads: 1, size: 8, lengths: [700], causal: true, biasBatch: 1 }],
  ["few queries, many keys", { heads: 2, size: 16, lengths: [5], keyLengths: [1500], causal: true }],
  ["many queries, few keys", { heads: 2, size: 16, lengths: [600], keyLengths: [70], causal: true }],
];

describe("attention against a float64 loop", () => {
  test.each(tables)("%s", (_, sizes) => {
    const c = randomCase(sizes);
    const [actual, expected] = [run(c, true), attentionReference(c)];
    for (const name of ["output", "weights", "dq", "dk", "dv"] as const) {
      expectClose(actual[name]!, expected[name], 2e-6, name);
    }
    if (c.bias) expectClose(actual.dbias!, expected.dbias, 2e-6, "dbias");
    const again = run(c);
    for (const name of ["output", "dq", "dk", "dv"] as const) expectSameBits(again[name], actual[name], name);
  });

  test.each([
    [4096, 200],
    [200, 4096],
  ])("%d queries, %d keys", (rows, keys) => {
    const c = randomCase({ heads: 1, size: 4, lengths: [rows], keyLengths: [keys] });
    const [actual, expected] = [run(c), attentionReference(c)];
    for (const name of ["output", "dq", "dk", "dv"] as const)
      expectClose(actual[name], expected[name], 2e-6, name);
  });
});

describe("attention", () => {
  const offsets = () => int32([0, 3, 5]);

  test("gradients against differences, with everything", async () => {
    const shape = [5, 6];
    const options = { heads: 2, causal: true, dropout: 0.3, scale: 0.7 };
    const attend = (q: Tensor, k: Tensor, v: Tensor, bias: Tensor) =>
      attention(q, k, v, { ...options, offsets: offsets(), bias, generator: new Generator(3) }) as Tensor;
    const inputs = [1, 2, 3].map((seed) => ({ shape, data: randomData(shape, seed) }));
    const bias = { shape: [1, 2, 3, 3], data: randomData([1, 2, 3, 3], 4) };
    await checkGradients(attend, [...inputs, bias]);
    for (const wrt of [[0], [1], [2], [3], [1, 2]]) await checkGradients(attend, [...inputs, bias], { wrt });
  });

  test("the column ranges of a packed projection: values, and one packed gradient", async () => {
    const [rows, width] = [5, 6];
    const packed = randomData([rows, 3 * width], 8);
    const attend = (x: Tensor) => {
      const [q, k, v] = [0, 1, 2].map((i) => x.slice(i * width, (i + 1) * width, 1));
      return attention(q, k, v, { heads: 2, offsets: offsets() });
    };
    const column = (i: number) => packed.filter((_, at) => Math.floor((at % (3 * width)) / width) === i);
    const apart = attention(
      tensor(column(0), [rows, width]),
      tensor(column(1), [rows, width]),
      tensor(column(2), [rows, width]),
      {
        heads: 2,
        offsets: offsets(),
      },
    );
    expectSameBits(await attend(tensor(packed, [rows, 3 * width])).data(), await apart.data(), "packed");
    await checkGradients(attend, [{ shape: [rows, 3 * width], data: packed }]);
    const pair = (q: Tensor, x: Tensor) =>
      attention(q, x.slice(0, width, 1), x.slice(width, 2 * width, 1), { heads: 2, offsets: offsets() });
    await checkGradients(pair, [
      { shape: [rows, width], data: randomData([rows, width], 1) },
      { shape: [rows, 2 * width], data: randomData([rows, 2 * width], 2) },
    ]);
  });

  test("one tensor as q, k and v", async () => {
    const attend = (x: Tensor) => attention(x, x, x, { heads: 3, offsets: offsets() });
    await checkGradients(attend, [{ shape: [5, 6], data: randomData([5, 6], 8) }]);
  });

  test("a gradient that is a range of columns", async () => {
    const attend = (q: Tensor) => {
      const o = attention(q, q, q, { heads: 2, offsets: offsets() });
      return attention(o.slice(0, 2, 1), o.slice(2, 4, 1), o.slice(4, 6, 1), {
        heads: 1,
        offsets: offsets(),
      });
    };
    await checkGradients(attend, [{ shape: [5, 6], data: randomData([5, 6], 8) }]);
  });

  test("a bias of -infinity hides keys, and a row without any gives 0", async () => {
    const x = randomData([3, 4], 1);
    const hidden = Number.NEGATIVE_INFINITY;
    const bias = tensor([0, 0, hidden, hidden, 0, hidden, hidden, hidden, hidden], [1, 1, 3, 3]);
    const q = tensor(x, [3, 4], { requiresGrad: true });
    const y = attention(q, q, q, { heads: 1, offsets: int32([0, 3]), bias });
    const values = await y.data();
    expectClose(values.subarray(4, 8), x.subarray(4, 8), 1e-6, "a row that sees itself");
    expect([...values.subarray(8)]).toEqual([0, 0, 0, 0]);
    y.backward(tensor(new Float32Array(12).fill(1), [3, 4]));
    expect([...(await q.grad!.data())].every(Number.isFinite)).toBe(true);
  });

  test("large scores do not overflow", async () => {
    const x = tensor([100, 0, 0, 100], [2, 2]);
    const y = attention(x, x, x, { heads: 1, offsets: int32([0, 2]) });
    expectClose(await y.data(), [100, 0, 0, 100], 1e-6, "y");
  });

  test("NaN stays in its sequence", async () => {
    const x = randomData([4, 2], 1);
    x[2] = Number.NaN; // row 1 of the first sequence
    const t = tensor(x, [4, 2], { requiresGrad: true });
    const y = attention(t, t, t, { heads: 1, offsets: int32([0, 2, 4]) });
    const nan = [true, true, true, true, false, false, false, false];
    expect(Array.from(await y.data(), Number.isNaN)).toEqual(nan);
    y.backward(
      tensor(
        x.map((v) => v || 1),
        [4, 2],
      ),
    );
    expect(Array.from(await t.grad!.data(), Number.isNaN)).toEqual(nan);
  });

  test("offsets that only the device knows are checked when the command runs", async () => {
    const x = tensor(new Float32Array(8), [4, 2]);
    const late = int32([0, 2, 4]);
    late.set(Int32Array.of(0, 3, 3));
    const y = attention(x, x, x, { heads: 1, offsets: late });
    await expectCodeAsync(y.data(), "ERR_DATA", "offsets must end at the number of rows 4, got 3");
    expectCode(
      () => attention(x, x, x, { heads: 1, offsets: late, returnWeights: true }),
      "ERR_ARGUMENT",
      "offsets",
    );
  });

  test("misuse", () => {
    const x = tensor(new Float32Array(24), [4, 6]);
    const o = () => int32([0, 4]);
    const whole = tensor(new Int32Array(24), [4, 6]);
    expectCode(() => attention(x, x, x, null as never), "ERR_ARGUMENT", "options");
    expectCode(() => attention(x, x, x, { heads: 0, offsets: o() }), "ERR_ARGUMENT", "heads");
    expectCode(
      () => attention(x, x, x, { heads: 4, offsets: o() }),
      "ERR_SHAPE",
      "q must have a multiple of heads 4",
    );
    expectCode(() => attention(whole, x, x, { heads: 2, offsets: o() }), "ERR_DTYPE", "q must be f32");
    expectCode(
      () => attention(x, x.slice(0, 4, 1), x, { heads: 2, offsets: o() }),
      "ERR_SHAPE",
      "k must be (4, 6)",
    );
    expectCode(
      () => attention(x, x, x.slice(0, 3), { heads: 2, offsets: o() }),
      "ERR_SHAPE",
      "v must be (4, 6)",
    );
    expectCode(
      () => attention(x, x.slice(0, 3), x.slice(0, 3), { heads: 2, offsets: o() }),
      "ERR_ARGUMENT",
      "keyOffsets",
    );
    expectCode(() => attention(x, x, x, { heads: 2, offsets: null as never }), "ERR_ARGUMENT", "offsets");
    expectCode(() => attention(x, x, x, { heads: 2, offsets: x }), "ERR_DTYPE", "offsets must be i32");
    expectCode(() => attention(x, x, x, { heads: 2, offsets: int32([1, 4]) }), "ERR_ARGUMENT", "start at 0");
    expectCode(
      () => attention(x, x, x, { heads: 2, offsets: int32([0, 3, 2, 4]) }),
      "ERR_ARGUMENT",
      "never decrease",
    );
    expectCode(
      () => attention(x, x, x, { heads: 2, offsets: int32([0, 5]) }),
      "ERR_ARGUMENT",
      "number of rows 4",
    );
    const keyOffsets = int32([0, 2, 4]);
    expectCode(
      () => attention(x, x, x, { heads: 2, offsets: o(), keyOffsets }),
      "ERR_SHAPE",
      "keyOffsets must be (2)",
    );
    expectCode(() => attention(x, x, x, { heads: 2, offsets: o(), dropout: 1 }), "ERR_ARGUMENT", "dropout");
    expectCode(
      () => attention(x, x, x, { heads: 2, offsets: o(), scale: Number.NaN }),
      "ERR_ARGUMENT",
      "scale",
    );
    const bias = (shape: number[]) => tensor(new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);
    const given = (shape: number[]) => () =>
      attention(x, x, x, { heads: 2, offsets: o(), bias: bias(shape) });
    expectCode(given([2, 4, 4]), "ERR_SHAPE", "bias");
    expectCode(given([1, 1, 4, 4]), "ERR_SHAPE", "bias");
    expectCode(given([3, 2, 4, 4]), "ERR_SHAPE", "bias");
    expectCode(given([1, 2, 4, 3]), "ERR_ARGUMENT", "bias must cover (4, 4)");
    const wide = tensor(new Float32Array(257), [1, 257]);
    const most = String(mostHeadSize);
    expectCode(() => attention(wide, wide, wide, { heads: 1, offsets: int32([0, 1]) }), "ERR_SHAPE", most);
  });
});
