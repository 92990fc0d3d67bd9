import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import {
  attention,
  type CachedAttentionOptions,
  cachedAttention,
  gatherRows,
  mul,
  type RelativeBias,
  slice,
  split,
  sum,
} from "../../src/tensor/ops.js";
import { noGrad } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { attentionReference } from "../support/attention.js";
import {
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  onCuda,
  randomData,
  randomIntegers,
} from "../support/ops.js";

const ints = (data: ArrayLike<number>) => tensor(Int32Array.from(data), [data.length]);
const floats = (t: Tensor) => t.dataSync() as Float32Array;
afterAll(() => setThreads(2));

interface Problem {
  heads: number;
  size: number;
  lengths: number[];
  cacheRows: number;
  relative?: { buckets: number; bidirectional: boolean; maxDistance: number };
  scale?: number;
}

interface Given {
  q: Tensor;
  keys: Tensor;
  values: Tensor;
  /** Cache rows of every query in turn. */
  rows: number[][];
  options: CachedAttentionOptions;
  /** The same with ops.attention over gathered rows. */
  composed: () => Tensor;
  /** The same in float64, without a relative bias. */
  reference: () => Float64Array;
}

function prepare(p: Problem, byRange = false): Given {
  const { heads, size, lengths, cacheRows } = p;
  const [width, count] = [heads * size, lengths.length];
  const most = Math.max(1, ...lengths);
  const data = [count, cacheRows, cacheRows].map((n, i) => randomData([n, width], i + 1));
  const [q, keys, values] = data.map((d) => tensor(d, [d.length / width, width]));
  const picked = randomIntegers([count * most], 4, 0, cacheRows);
  const starts = lengths.map((n, i) => picked[i] % (cacheRows - n + 1));
  const rows = lengths.map((n, i) =>
    Array.from({ length: n }, (_, j) => (byRange ? starts[i] + j : picked[i * most + j])),
  );
  // What lies beyond a length is no row at all and must not be read.
  const table = new Int32Array(count * most).fill(-7);
  for (const [i, row] of rows.entries()) table.set(row, i * most);
  const relativeBias: RelativeBias | undefined = p.relative && {
    table: tensor(randomData([p.relative.buckets, heads], 5), [p.relative.buckets, heads]),
    bidirectional: p.relative.bidirectional,
    maxDistance: p.relative.maxDistance,
  };
  const offsets = Array.from({ length: count + 1 }, (_, i) => i);
  const keyOffsets = [0];
  for (const n of lengths) keyOffsets.push(keyOffsets[keyOffsets.length - 1] + n);
  const scale = p.scale ?? 1 / Math.sqrt(size);
  const options: CachedAttentionOptions = {
    heads,
    lengths: ints(lengths),
    ...(byRange ? { starts: ints(starts) } : { rows: tensor(table, [count, most]) }),
    relativeBias,
    ...(p.scale === undefined ? {} : { scale: p.scale }),
  };
  const flat = rows.flat();
  return {
    q,
    keys,
    values,
    rows,
    options,
    composed: () =>
      attention(q, gatherRows(keys, ints(flat)), gatherRows(values, ints(flat)), {
        heads,
        offsets: ints(offsets),
        keyOffsets: ints(keyOffsets),
        relativeBias,
        scale,
      }),
    reference: () => {
      const gather = (d: Float32Array) =>
        Float32Array.from(
          { length: flat.length * width },
          (_, i) => d[flat[Math.floor(i / width)] * width + (i % width)],
        );
      const upstream = new Float32Array(count * width);
      const [k, v] = [gather(data[1]), gather(data[2])];
      return attentionReference({ q: data[0], k, v, heads, size, offsets, keyOffsets, scale, upstream })
        .output;
    },
  };
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

const problems: [string, Problem][] = [
  ["no queries", { heads: 2, size: 16, lengths: [], cacheRows: 3 }],
  ["one key", { heads: 1, size: 1, lengths: [1], cacheRows: 1 }],
  ["lengths 0 to 40", { heads: 3, size: 16, lengths: upTo(41), cacheRows: 50 }],
  ["heads off the vector", { heads: 5, size: 20, lengths: [7, 1, 33], cacheRows: 40 }],
  ["head size 7", { heads: 2, size: 7, lengths: [17, 16, 15], cacheRows: 20 }],
  ["head size 64, a long past", { heads: 4, size: 64, lengths: [513, 0, 200], cacheRows: 600 }],
  ["head size 128", { heads: 2, size: 128, lengths: [33, 5], cacheRows: 64 }],
  ["128 queries", { heads: 8, size: 16, lengths: upTo(128).map((i) => i % 65), cacheRows: 300 }],
  ["another scale", { heads: 2, size: 8, lengths: [9, 12], cacheRows: 30, scale: 1 }],
];

describe("cached_attention", () => {
  describe.each(problems)("%s", (_, p) => {
    test.each([
      ["rows", false],
      ["ranges", true],
    ])("%s against float64 and ops.attention", (_kind, byRange) => {
      const g = prepare(p, byRange);
      const y = cachedAttention(g.q, g.keys, g.values, g.options);
      expect(y.shape).toEqual(g.q.shape);
      expectClose(floats(y), g.reference(), 2e-6, "output");
      expectClose(floats(y), floats(g.composed()), 2e-6, "against attention");
      expectSameBits(floats(cachedAttention(g.q, g.keys, g.values, g.options)), floats(y), "again");
    });
  });

  test.each([
    ["a decoder's buckets", { buckets: 32, bidirectional: false, maxDistance: 128 }],
    ["few buckets", { buckets: 8, bidirectional: false, maxDistance: 20 }],
    ["an encoder's buckets", { buckets: 32, bidirectional: true, maxDistance: 128 }],
  ])("relative bias with %s gives what attention gives", (_, relative) => {
    const lengths = [1, 2, 40, 9, 300, 0, 128, 129, 17];
    const p = { heads: 4, size: 16, lengths, cacheRows: 400, relative, scale: 1 };
    for (const byRange of [false, true]) {
      const g = prepare(p, byRange);
      const y = cachedAttention(g.q, g.keys, g.values, g.options);
      expectClose(floats(y), floats(g.composed()), 2e-6, "against attention");
    }
  });

  test("head size 256, where CUDA refuses", () => {
    const g = prepare({ heads: 2, size: 256, lengths: [33, 5], cacheRows: 64 });
    const run = () => cachedAttention(g.q, g.keys, g.values, g.options);
    if (onCuda()) expectCode(run, "ERR_SHAPE", "at most 128 columns per head");
    else expectClose(floats(run()), g.reference(), 2e-6, "output");
  });

  test("new rows are written first, and belong to the past", () => {
    const g = prepare({ heads: 2, size: 16, lengths: [3, 5, 1], cacheRows: 12 });
    const written = [...new Set(g.rows.map((row) => row[row.length - 1]))];
    const fresh = [6, 7].map((seed) => tensor(randomData([written.length, 32], seed), [written.length, 32]));
    const [keys, values] = [g.keys, g.values].map((t) => Float32Array.from(floats(t)));
    written.forEach((row, i) => {
      keys.set(floats(fresh[0]).subarray(i * 32, i * 32 + 32), row * 32);
      values.set(floats(fresh[1]).subarray(i * 32, i * 32 + 32), row * 32);
    });
    const y = cachedAttention(g.q, g.keys, g.values, {
      ...g.options,
      newKeys: fresh[0],
      newValues: fresh[1],
      newRows: ints(written),
    });
    const [expectedKeys, expectedValues] = [keys, values].map((d) => tensor(d, [12, 32]));
    expectSameBits(
      floats(y),
      floats(cachedAttention(g.q, expectedKeys, expectedValues, g.options)),
      "output",
    );
    expectSameBits(floats(g.keys), keys, "keys");
    expectSameBits(floats(g.values), values, "values");
  });

  test("ranges of columns of a packed projection, and of a packed cache", () => {
    const packed = tensor(randomData([3, 96], 1), [3, 96]);
    const [q, newKeys, newValues] = split(packed, 3);
    const cache = tensor(randomData([8, 64], 2), [8, 64]);
    const [keys, values] = [slice(cache, 0, 32, 1), slice(cache, 32, 64, 1)];
    const lengths = ints([2, 3, 4]);
    const rows = tensor(Int32Array.of(0, 5, 0, 0, 1, 2, 6, 0, 1, 1, 3, 7), [3, 4]);
    const newRows = ints([5, 6, 7]);
    const whole = [q, keys, values, newKeys, newValues].map((t) => mul(t, 1));
    const expected = cachedAttention(whole[0], whole[1], whole[2], {
      heads: 2,
      lengths,
      rows,
      newKeys: whole[3],
      newValues: whole[4],
      newRows,
    });
    const y = cachedAttention(q, keys, values, { heads: 2, lengths, rows, newKeys, newValues, newRows });
    expectSameBits(floats(y), floats(expected), "output");
    expectSameBits(floats(mul(keys, 1)), floats(whole[1]), "keys");
    expectSameBits(floats(mul(values, 1)), floats(whole[2]), "values");
  });

  test("a row gives the same bits alone and beside others, whatever the threads", () => {
    const g = prepare({ heads: 8, size: 32, lengths: upTo(40).map((i) => i * 3), cacheRows: 130 });
    setThreads(2);
    const all = floats(cachedAttention(g.q, g.keys, g.values, g.options));
    setThreads(1);
    expectSameBits(floats(cachedAttention(g.q, g.keys, g.values, g.options)), all, "one thread");
    for (const i of [0, 1, 17, 39]) {
      const alone = cachedAttention(slice(g.q, i, i + 1), g.keys, g.values, {
        heads: 8,
        lengths: ints([i * 3]),
        rows: tensor(Int32Array.from(g.rows[i]), [1, i * 3]),
      });
      if (!onCuda()) expectSameBits(floats(alone), all.subarray(i * 256, i * 256 + 256), `query ${i}`);
      else expectClose(floats(alone), all.subarray(i * 256, i * 256 + 256), 1e-6, `query ${i}`);
    }
  });

  test("masked by a bias of -inf: a row without a key that counts is 0; NaN stays in its row", () => {
    const q = tensor([1, 1, Number.NaN], [3, 1]);
    const [keys, values] = [tensor([1, 2], [2, 1]), tensor([3, 4], [2, 1])];
    const table = tensor([Number.NEGATIVE_INFINITY, 0], [2, 1]);
    const relativeBias = { table, bidirectional: false, maxDistance: 4 };
    const options = { heads: 1, lengths: ints([1, 2, 2]), starts: ints([0, 0, 0]), relativeBias };
    const y = floats(cachedAttention(q, keys, values, options));
    expect([...y.subarray(0, 2)]).toEqual([0, 3]);
    expect(y[2]).toBeNaN();
  });

  test("inference only, but not in the way of a graph", () => {
    const g = prepare({ heads: 1, size: 4, lengths: [2], cacheRows: 3 });
    g.q.requiresGrad = true;
    const run = () => cachedAttention(g.q, g.keys, g.values, g.options);
    expectCode(
      run,
      "ERR_ARGUMENT",
      "cached_attention: q, keys, values and relativeBias.table must not require",
    );
    expectClose(floats(noGrad(run)), g.reference(), 2e-6, "under noGrad");
    const weight = tensor([1, 2, 3, 4], [1, 4], { requiresGrad: true });
    const loss = sum(mul(weight, g.keys.slice(0, 1)));
    const fresh = tensor([1, 1, 1, 1], [1, 4]);
    noGrad(() =>
      cachedAttention(g.q, g.keys, g.values, {
        ...g.options,
        newKeys: fresh,
        newValues: fresh,
        newRows: ints([0]),
      }),
    );
    expectCode(() => loss.backward(), "ERR_VERSION", "changed in place");
  });

  test("indices that do not fit: at the call, or when an op has made them", async () => {
    const q = tensor(randomData([2, 4], 1), [2, 4]);
    const cache = () => tensor(randomData([3, 4], 2), [3, 4]);
    const attend = (options: Partial<CachedAttentionOptions>, keys = cache()) =>
      cachedAttention(q, keys, cache(), { heads: 2, lengths: ints([1, 2]), ...options });
    const rows = (...r: number[]) => tensor(Int32Array.from(r), [2, r.length / 2]);
    const cases: [Partial<CachedAttentionOptions>, string][] = [
      [{ rows: rows(0, 0, 1, 3) }, "rows must lie within the 3 rows of keys, got 3 at query 1"],
      [{ rows: rows(-1, 0, 1, 2) }, "rows must lie within the 3 rows of keys, got -1 at query 0"],
      [{ rows: rows(0, 1) }, "lengths must be at most the 1 columns of rows, got 2 at query 1"],
      [{ rows: rows(0, 0, 1, 2), lengths: ints([-1, 0]) }, "lengths must not be negative, got -1 at query 0"],
      [{ starts: ints([0, 2]) }, "starts + lengths must lie within the 3 rows of keys, got 4 at query 1"],
      [{ starts: ints([-1, 0]) }, "starts must not be negative, got -1 at query 0"],
    ];
    for (const [options, mention] of cases) {
      expectCode(() => attend(options), "ERR_ARGUMENT", mention);
      const made = Object.fromEntries(
        Object.entries(options).map(([name, t]) => [name, gatherRows(t as Tensor, ints([0, 1]))]),
      );
      await expectCodeAsync(attend(made).data(), "ERR_DATA", mention);
    }
    const keys = cache();
    const before = Float32Array.from(floats(keys));
    const fresh = tensor(new Float32Array(8), [2, 4]);
    const write = { starts: ints([0, 0]), newKeys: fresh, newValues: fresh };
    expectCode(
      () => attend({ ...write, newRows: ints([1, 1]) }, keys),
      "ERR_ARGUMENT",
      "newRows must be distinct, got 1 twice",
    );
    expectCode(
      () => attend({ ...write, newRows: ints([0, 3]) }, keys),
      "ERR_ARGUMENT",
      "newRows must lie within",
    );
    expectSameBits(floats(keys), before, "untouched");
    const y = attend({ ...write, newRows: gatherRows(ints([1]), ints([0, 0])) }, keys);
    await expectCodeAsync(y.data(), "ERR_DATA", "cached_attention: newRows must be distinct, got 1 twice");
    await expectCodeAsync(keys.data(), "ERR_DATA", "newRows must be distinct");
  });

  test("misuse", () => {
    const g = prepare({ heads: 2, size: 4, lengths: [2, 1], cacheRows: 3 });
    const attend = (options: Partial<CachedAttentionOptions>, q = g.q, keys = g.keys) =>
      cachedAttention(q, keys, g.values, { ...g.options, ...options });
    expectCode(
      () => attend({ starts: ints([0, 0]) }),
      "ERR_ARGUMENT",
      "either rows or starts must be given, got both",
    );
    expectCode(() => attend({ rows: null }), "ERR_ARGUMENT", "got neither");
    expectCode(
      () => attend({ heads: 3 }),
      "ERR_SHAPE",
      "q must have a multiple of heads 3 columns, got (2, 8)",
    );
    expectCode(() => attend({ heads: 0 }), "ERR_ARGUMENT", "heads must be an integer from 1");
    expectCode(() => attend({ lengths: ints([1]) }), "ERR_SHAPE", "lengths must be (2), got (1)");
    expectCode(() => attend({ lengths: tensor([1, 1], [2]) }), "ERR_DTYPE", "lengths must be i32");
    expectCode(() => attend({}, g.q, tensor([1], [1, 1])), "ERR_SHAPE", "keys must be (1, 8)");
    expectCode(() => attend({ newRows: ints([0]) }), "ERR_ARGUMENT", "must be given together");
    expectCode(() => attend({ scale: Number.NaN }), "ERR_ARGUMENT", "scale must be a number");
    const fresh = tensor(new Float32Array(8), [1, 8]);
    expectCode(
      () => attend({ newKeys: fresh, newValues: fresh, newRows: ints([0]) }, slice(g.keys, 0, 2)),
      "ERR_ARGUMENT",
      "q must not be part of",
    );
    const newRows = ints([0]);
    expectCode(
      () => attend({ newKeys: fresh, newValues: slice(g.keys, 0, 1), newRows }),
      "ERR_ARGUMENT",
      "newValues must not be part of the tensor that holds keys",
    );
    expectCode(
      () => attend({ newKeys: slice(g.values, 0, 1), newValues: fresh, newRows }),
      "ERR_ARGUMENT",
      "newKeys must not be part of the tensor that holds values",
    );
    const table = tensor(randomData([1, 2], 1), [1, 2]);
    expectCode(
      () => attend({ relativeBias: { table, bidirectional: false } }),
      "ERR_SHAPE",
      "at least 2 rows",
    );
    expectCode(
      () => cachedAttention(g.q, g.keys, g.values, null as never),
      "ERR_ARGUMENT",
      "options must be an object, got null",
    );
  });
});
