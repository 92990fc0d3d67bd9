import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { add, beamTopK, logSoftmax, slice, topK } from "../../src/tensor/ops.js";
import { Generator } from "../../src/tensor/random.js";
import { noGrad } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode, expectSameBits, onCuda, randomData } from "../support/ops.js";
import { philox } from "../support/philox.js";

const { NaN: nan, NEGATIVE_INFINITY: lowest, POSITIVE_INFINITY: highest } = Number;
const floats = (t: Tensor) => t.dataSync() as Float32Array;
const ints = (t: Tensor) => t.dataSync() as Int32Array;
afterAll(() => setThreads(2));

/** The whole row sorted: NaN first, then descending, then the smaller index. */
function sortedIndices(row: ArrayLike<number>): number[] {
  const rank = (v: number) => (Number.isNaN(v) ? highest : v);
  return Array.from(row, (_, i) => i).sort((i, j) => {
    if (Number.isNaN(row[i]) !== Number.isNaN(row[j])) return Number.isNaN(row[i]) ? -1 : 1;
    return rank(row[j]) === rank(row[i]) ? i - j : rank(row[j]) - rank(row[i]);
  });
}

function expectTopK(data: Float32Array, rows: number, width: number, k: number): void {
  const { values, indices } = topK(tensor(data, [rows, width]), k);
  expect([values.shape, indices.shape]).toEqual([
    [rows, k],
    [rows, k],
  ]);
  const [v, at] = [floats(values), ints(indices)];
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * width, (r + 1) * width);
    const wanted = sortedIndices(row).slice(0, k);
    expect([r, ...at.subarray(r * k, (r + 1) * k)]).toEqual([r, ...wanted]);
    expectSameBits(
      v.subarray(r * k, (r + 1) * k),
      wanted.map((i) => row[i]),
      `values of row ${r}`,
    );
  }
}

describe("top_k", () => {
  test.each([
    [0, 5, 2],
    [1, 1, 1],
    [3, 17, 4],
    [3, 17, 17],
    [5, 63, 8],
    [5, 64, 8],
    [5, 65, 1],
    [2, 129, 64],
    [4, 5000, 16],
    [2, 5000, 700],
    [130, 300, 8],
  ])("(%d, %d), k = %d, against a whole sort", (rows, width, k) => {
    expectTopK(randomData([rows, width], 1), rows, width, k);
  });

  test("ascending, descending and equal rows; many ties", () => {
    const [width, k] = [1000, 10];
    const rows = [
      Float32Array.from({ length: width }, (_, i) => i),
      Float32Array.from({ length: width }, (_, i) => -i),
      new Float32Array(width).fill(3),
      new Float32Array(width).fill(lowest),
      Float32Array.from({ length: width }, (_, i) => i % 7),
      Float32Array.from({ length: width }, (_, i) => (i % 2 === 0 ? -0 : 0)),
      Float32Array.from({ length: width }, (_, i) => (i % 300 === 299 ? 1 : lowest)),
    ];
    const data = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) data.set(row, i * width);
    expectTopK(data, rows.length, width, k);
  });

  test("NaN and infinities, wherever they stand", () => {
    const width = 300;
    const rows = [[0], [299], [150, 151, 10], Array.from({ length: 40 }, (_, i) => 7 * i)].map(
      (places, r) => {
        const row = randomData([width], r + 1);
        for (const i of places) row[i] = nan;
        row[(places[0] + 5) % width] = highest;
        row[(places[0] + 6) % width] = lowest;
        return row;
      },
    );
    const data = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) data.set(row, i * width);
    for (const k of [1, 3, 12]) expectTopK(data, rows.length, width, k);
  });

  test("a range of columns", () => {
    const x = tensor([9, 1, 5, 9, 4, 2, 7, 9], [2, 4]);
    const { values, indices } = topK(slice(x, 1, 3, 1), 2);
    expect([...floats(values)]).toEqual([5, 1, 7, 2]);
    expect([...ints(indices)]).toEqual([1, 0, 1, 0]);
  });

  test.each([
    [1, 6, 40],
    [4, 3, 5000],
    [3, 2, 9],
    [16, 2, 70],
  ])(
    "%d beams of %d sources over %d words: log-softmax, scores and choice at once",
    (beams, sources, width) => {
      const rows = beams * sources;
      const k = Math.min(2 * beams, 2 * width);
      const x = tensor(
        randomData([rows, width], 1).map((v) => 6 * v),
        [rows, width],
      );
      const scores = tensor(
        randomData([rows], 2).map((v) => 3 * v - 5),
        [rows],
      );
      // One source more or less, one beam more or less: the composition over flattened rows.
      const sum = add(logSoftmax(x), scores.reshape([rows, 1]));
      const composed = topK(sum.reshape([sources, beams * width]), k);
      const ours = beamTopK(x, scores, k, { beams, logSoftmax: true });
      expect(ours.values.shape).toEqual([sources, k]);
      if (onCuda()) expectClose(floats(ours.values), floats(composed.values), 1e-6, "values");
      else expectSameBits(floats(ours.values), floats(composed.values), "values");
      expect([...ints(ours.indices)]).toEqual([...ints(composed.indices)]);
      const plain = beamTopK(x, scores, k, { beams });
      const added = topK(add(x, scores.reshape([rows, 1])).reshape([sources, beams * width]), k);
      expectSameBits(floats(plain.values), floats(added.values), "without log-softmax");
      expect([...ints(plain.indices)]).toEqual([...ints(added.indices)]);
    },
  );

  test("rows that climb by single units in the last place: the scan overlooks none", () => {
    const width = 900;
    for (const [base, score] of [
      [1, -5.3],
      [-40, 3e4],
      [3e-3, -700],
    ]) {
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(base))) - 23);
      const x = tensor(
        Float32Array.from({ length: 2 * width }, (_, i) => base + unit * (i % width)),
        [2, width],
      );
      const scores = tensor([score, score], [2]);
      const sum = add(logSoftmax(x), scores.reshape([2, 1]));
      const [composed, ours] = [topK(sum, 7), beamTopK(x, scores, 7, { beams: 1, logSoftmax: true })];
      if (onCuda()) expectClose(floats(ours.values), floats(composed.values), 1e-6, "values");
      else expect([...ints(ours.indices)]).toEqual([...ints(composed.indices)]);
    }
  });

  test("beams that stand at -1e9, or are not in the running at all", () => {
    const x = tensor(randomData([3, 50], 1), [3, 50]);
    const first = beamTopK(x, tensor([0, -1e9, lowest], [3]), 6, { beams: 3, logSoftmax: true });
    const alone = topK(slice(x, 0, 1), 6, { logSoftmax: true });
    expect([...ints(first.indices)]).toEqual([...ints(alone.indices)]);
    expectSameBits(floats(first.values), floats(alone.values), "values");
    const banned = tensor(new Float32Array(100).fill(lowest), [2, 50]);
    const none = topK(banned, 2, { logSoftmax: true }); // 0 / 0, as in log_softmax
    expect([...floats(none.values)].every(Number.isNaN)).toBe(true);
    expect([...ints(none.indices)]).toEqual([0, 1, 0, 1]);
  });

  test("the same bits again, with one thread, and for a row alone", () => {
    const x = tensor(randomData([9, 3000], 1), [9, 3000]);
    const run = (t: Tensor) => topK(t, 5, { logSoftmax: true });
    setThreads(2);
    const all = run(x);
    const [v, at] = [floats(all.values), ints(all.indices)];
    setThreads(1);
    expectSameBits(floats(run(x).values), v, "one thread");
    for (const r of [0, 4, 8]) {
      const row = run(slice(x, r, r + 1));
      expectSameBits(floats(row.values), v.subarray(5 * r, 5 * r + 5), `row ${r}`);
      expect([...ints(row.indices)]).toEqual([...at.subarray(5 * r, 5 * r + 5)]);
    }
  });

  describe("drawing", () => {
    test("frequencies are those of softmax, also of the second draw", () => {
      const logits = [0, 1, 2, lowest, -1];
      const rows = 40000;
      const x = tensor(
        Float32Array.from({ length: rows * 5 }, (_, i) => logits[i % 5]),
        [rows, 5],
      );
      const { values, indices } = topK(x, 2, { generator: new Generator(7) });
      const at = ints(indices);
      const p = logits.map((v) => Math.exp(v));
      const total = p.reduce((a, b) => a + b);
      const counts = [new Array(5).fill(0), new Array(5).fill(0)];
      for (let r = 0; r < rows; r++) for (let i = 0; i < 2; i++) counts[i][at[2 * r + i]]++;
      for (let i = 0; i < 5; i++) {
        const first = p[i] / total;
        let second = 0;
        for (let j = 0; j < 5; j++) if (j !== i) second += ((p[j] / total) * p[i]) / (total - p[j]);
        // Five standard deviations.
        const slack = (q: number) => 5 * Math.sqrt((q * (1 - q)) / rows);
        expect(Math.abs(counts[0][i] / rows - first)).toBeLessThanOrEqual(slack(first));
        expect(Math.abs(counts[1][i] / rows - second)).toBeLessThanOrEqual(slack(second));
      }
      expect([...floats(values)].every((v, i) => v === logits[at[i]])).toBe(true);
    });

    test("over a vocabulary; seeded; -inf only when nothing else is left", () => {
      const data = randomData([4, 2000], 1).map((v, i) => (i % 2000 < 1990 ? lowest : v));
      const draw = (seed: number) => topK(tensor(data, [4, 2000]), 12, { generator: new Generator(seed) });
      const [one, again, other] = [draw(1), draw(1), draw(2)].map((t) => [...ints(t.indices)]);
      expect(again).toEqual(one);
      expect(other).not.toEqual(one);
      for (let r = 0; r < 4; r++) {
        const row = one.slice(12 * r, 12 * r + 12);
        expect([...row.slice(0, 10)].sort((a, b) => a - b)).toEqual(
          Array.from({ length: 10 }, (_, i) => 1990 + i),
        );
        expect(row.slice(10)).toEqual([0, 1]);
      }
    });

    test("the order is that of x plus the noise which the seed says, in rows wider than a scan", () => {
      const [rows, width, k, seed] = [3, 1500, 20, 11];
      const data = randomData([rows, width], 5).map((v) => 2 * v);
      const { indices } = topK(tensor(data, [rows, width]), k, { generator: new Generator(seed, 4) });
      const noise = (element: number) => {
        const word = philox(seed, 4, Math.floor(element / 4))[element % 4];
        return -Math.log(-Math.log(((word >>> 9) + 0.5) / 2 ** 23));
      };
      for (let r = 0; r < rows; r++) {
        const keys = Array.from({ length: width }, (_, i) => data[r * width + i] + noise(r * width + i));
        const wanted = sortedIndices(keys).slice(0, k);
        expect([r, ...ints(indices).subarray(r * k, (r + 1) * k)]).toEqual([r, ...wanted]);
      }
    });

    test("beams: the noise belongs to row and word, whatever is added to the scores", () => {
      const x = tensor(randomData([4, 30], 3), [4, 30]);
      const scores = tensor(new Float32Array(4), [4]);
      const draw = () => beamTopK(x, scores, 5, { beams: 2, logSoftmax: true, generator: new Generator(3) });
      const { values, indices } = draw();
      expectSameBits(floats(draw().values), floats(values), "again");
      const p = floats(logSoftmax(x));
      const at = ints(indices);
      expectClose(
        floats(values),
        Array.from(at, (i, n) => p[Math.floor(n / 5) * 60 + i]),
        1e-6,
        "values",
      );
      expect(new Set(at.subarray(0, 5)).size).toBe(5);
    });
  });

  test("misuse", () => {
    const x = tensor([1, 2, 3, 4], [2, 2]);
    const scores = tensor([0, 0], [2]);
    expectCode(
      () => topK(x, 3),
      "ERR_ARGUMENT",
      "top_k: k must be at most the 2 elements it chooses from, got 3",
    );
    expectCode(() => topK(x, 0), "ERR_ARGUMENT", "k must be an integer from 1");
    expectCode(() => topK(tensor([1], [1]), 1), "ERR_SHAPE", "x must have 2 dimensions");
    expectCode(() => topK(tensor(Int32Array.of(1), [1, 1]), 1), "ERR_DTYPE", "x must be f32, got i32");
    expectCode(
      () => topK(tensor([1], [1, 1], { requiresGrad: true }), 1),
      "ERR_ARGUMENT",
      "must not require",
    );
    expect(noGrad(() => topK(tensor([1], [1, 1], { requiresGrad: true }), 1)).values.requiresGrad).toBe(
      false,
    );
    expectCode(
      () => beamTopK(x, scores, 1, { beams: 3 }),
      "ERR_SHAPE",
      "multiple of beams 3 rows, got (2, 2)",
    );
    expectCode(() => beamTopK(x, scores, 5, { beams: 2 }), "ERR_ARGUMENT", "at most the 4 elements");
    expectCode(() => beamTopK(x, scores, 1, {} as never), "ERR_ARGUMENT", "beams must be an integer");
    expectCode(
      () => beamTopK(x, tensor([0], [1]), 1, { beams: 2 }),
      "ERR_SHAPE",
      "scores must be (2), got (1)",
    );
    expectCode(
      () => beamTopK(x, tensor(Int32Array.of(0, 0), [2]), 1, { beams: 2 }),
      "ERR_DTYPE",
      "scores must be f32",
    );
    if (onCuda()) {
      const wide = tensor(new Float32Array(1100), [1, 1100]);
      expectCode(() => topK(wide, 1025), "ERR_ARGUMENT", "at most 1024 on CUDA");
    }
  });
});
