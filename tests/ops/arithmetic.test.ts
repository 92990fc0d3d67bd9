// a op b with every broadcast, against float64.
import { describe, expect, test } from "@jest/globals";
import { add, div, mul, neg, sub } from "../../src/tensor/ops/elementwise.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  countOf,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  randomData,
} from "../support/ops.js";

type Binary = (a: Tensor | number, b: Tensor | number) => Tensor;

interface Case {
  fn: Binary;
  value: (a: number, b: number) => number;
  slopes: (a: number, b: number) => [number, number];
}

const cases: Record<string, Case> = {
  add: { fn: add, value: (a, b) => a + b, slopes: () => [1, 1] },
  sub: { fn: sub, value: (a, b) => a - b, slopes: () => [1, -1] },
  mul: { fn: mul, value: (a, b) => a * b, slopes: (a, b) => [b, a] },
  div: { fn: div, value: (a, b) => a / b, slopes: (a, b) => [1 / b, -a / (b * b)] },
};

const shapes: [string, number[], number[]][] = [
  ["equal scalars", [], []],
  ["equal, no rows", [0, 5], [0, 5]],
  ["equal", [3, 5], [3, 5]],
  ["equal, rank 4", [2, 3, 1, 5], [2, 3, 1, 5]],
  ["equal, large", [73, 321], [73, 321]],
  ["row", [4, 7], [7]],
  ["row of rank 2", [4, 7], [1, 7]],
  ["row over rank 3", [2, 3, 17], [17]],
  ["row over rank 4", [2, 2, 3, 5], [1, 5]],
  ["row over no rows", [0, 5], [5]],
  ["row, many", [1111, 37], [37]],
  ["row, wide", [3, 1300], [1300]],
  ["column", [4, 7], [4, 1]],
  ["column over no columns", [4, 0], [4, 1]],
  ["column, large", [300, 65], [300, 1]],
  ["scalar", [4, 7], []],
  ["scalar of rank 1", [3, 2, 5], [1]],
  ["scalar over nothing", [0, 3], [1]],
  ["scalar of rank 2 over a vector", [9], [1, 1]],
  ["scalar, large", [40_001], []],
  ["one element over one element", [1, 1], [1]],
];

// Values away from 0, so that divisions stay of order 1.
function values(shape: number[], seed: number): Float32Array {
  return randomData(shape, seed, 0.4).map((v) => (v < 0 ? v - 0.7 : v + 0.7));
}

// Index into `part` of element i of `full`.
function partIndex(i: number, full: number[], part: number[]): number {
  const count = countOf(part);
  if (count === countOf(full)) return i;
  if (count === 1) return 0;
  const width = full[full.length - 1];
  return part.length === 2 && part[1] === 1 && part[0] === full[0] ? Math.floor(i / width) : i % width;
}

describe.each(Object.keys(cases))("arithmetic: %s", (name) => {
  const c = cases[name];

  test.each(shapes)("%s (%j with %j), either side", (_label, full, part) => {
    const [x, y] = [values(full, 1), values(part, 2)];
    const dy = randomData(full, 3);
    for (const swapped of [false, true]) {
      const [left, right] = swapped
        ? [
            { shape: part, data: y },
            { shape: full, data: x },
          ]
        : [
            { shape: full, data: x },
            { shape: part, data: y },
          ];
      const result = evaluate(c.fn, [left, right], dy);
      expect(result.shape).toEqual(full);
      const expected = new Float64Array(x.length);
      const gradFull = new Float64Array(x.length);
      const gradPart = new Float64Array(y.length);
      for (let i = 0; i < x.length; i++) {
        const p = partIndex(i, full, part);
        const [a, b] = swapped ? [y[p], x[i]] : [x[i], y[p]];
        expected[i] = c.value(a, b);
        const [da, db] = c.slopes(a, b);
        gradFull[i] = (swapped ? db : da) * dy[i];
        gradPart[p] += (swapped ? da : db) * dy[i];
      }
      expectClose(result.output, expected, 3e-7, "value");
      expectClose(result.gradients[swapped ? 1 : 0]!, gradFull, 1e-6, "gradient of the full side");
      expectClose(result.gradients[swapped ? 0 : 1]!, gradPart, 1e-6, "gradient of the other side");
      const again = evaluate(c.fn, [left, right], dy);
      expectSameBits(again.gradients[0]!, result.gradients[0]!, "gradient bits");
      expectSameBits(again.gradients[1]!, result.gradients[1]!, "gradient bits");
    }
  });

  test.each([[[3, 4]], [[0]], [[20_001]]])("a number on either side of %j", (shape) => {
    const x = values(shape, 4);
    const dy = randomData(shape, 5);
    const right = evaluate((t) => c.fn(t, 1.7), [{ shape, data: x }], dy);
    const left = evaluate((t) => c.fn(-0.3, t), [{ shape, data: x }], dy);
    const [r, l] = [Math.fround(1.7), Math.fround(-0.3)];
    expectClose(
      right.output,
      Float64Array.from(x, (v) => c.value(v, r)),
      3e-7,
      "tensor op number",
    );
    expectClose(
      left.output,
      Float64Array.from(x, (v) => c.value(l, v)),
      3e-7,
      "number op tensor",
    );
    expectClose(
      right.gradients[0]!,
      Float64Array.from(x, (v, i) => c.slopes(v, r)[0] * dy[i]),
      1e-6,
      "gradient",
    );
    expectClose(
      left.gradients[0]!,
      Float64Array.from(x, (v, i) => c.slopes(l, v)[1] * dy[i]),
      1e-6,
      "gradient",
    );
  });

  test.each([
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [3, 4],
      [3, 1],
    ],
    [[3, 4], [1]],
  ])("gradients of %j with %j against differences", async (full, part) => {
    const [a, b] = [
      { shape: full, data: values(full, 6) },
      { shape: part, data: values(part, 7) },
    ];
    await checkGradients(c.fn, [a, b]);
    await checkGradients(c.fn, [b, a]);
  });

  test("ranges of columns are read as they are", () => {
    const [x, y] = [values([6, 10], 8), values([6, 10], 9)];
    const dy = randomData([6, 4], 10);
    const result = evaluate(
      (a, b) => c.fn(a.slice(1, 5, 1), b.slice(3, 7, 1)),
      [
        { shape: [6, 10], data: x },
        { shape: [6, 10], data: y },
      ],
      dy,
    );
    const gradients = [new Float64Array(60), new Float64Array(60)];
    const expected = new Float64Array(24);
    for (let i = 0; i < 24; i++) {
      const [row, column] = [Math.floor(i / 4), i % 4];
      const [p, q] = [row * 10 + 1 + column, row * 10 + 3 + column];
      expected[i] = c.value(x[p], y[q]);
      const [da, db] = c.slopes(x[p], y[q]);
      gradients[0][p] = da * dy[i];
      gradients[1][q] = db * dy[i];
    }
    expectClose(result.output, expected, 3e-7, "value");
    expectClose(result.gradients[0]!, gradients[0], 1e-6, "gradient of a");
    expectClose(result.gradients[1]!, gradients[1], 1e-6, "gradient of b");
  });

  test("a column and a row that are themselves ranges", () => {
    const [x, y] = [values([5, 6], 11), values([5, 6], 12)];
    const column = evaluate(
      (a, b) => c.fn(a, b.slice(2, 3, 1)),
      [
        { shape: [5, 6], data: x },
        { shape: [5, 6], data: y },
      ],
    );
    const byColumn = Float64Array.from(x, (v, i) => c.value(v, y[Math.floor(i / 6) * 6 + 2]));
    expectClose(column.output, byColumn, 3e-7, "column");
    const row = evaluate(
      (a, b) => c.fn(b.slice(2, 3), a),
      [
        { shape: [5, 6], data: x },
        { shape: [5, 6], data: y },
      ],
    );
    expectClose(
      row.output,
      Float64Array.from(x, (v, i) => c.value(y[12 + (i % 6)], v)),
      3e-7,
      "row",
    );
  });

  test.each([
    [[3, 4], [3]],
    [
      [3, 4],
      [4, 3],
    ],
    [
      [3, 4],
      [3, 4, 1],
    ],
    [
      [2, 3, 4],
      [2, 3, 1],
    ],
    [
      [2, 3, 4],
      [3, 4],
    ],
    [[3], [4]],
    [
      [1, 4],
      [3, 1],
    ],
    [[0], [3]],
  ])("%j with %j is refused, naming both", (a, b) => {
    const text = new RegExp(`\\(${a.join(", ")}\\).*\\(${b.join(", ")}\\)`);
    expectCode(() => c.fn(tensor(values(a, 1), a), tensor(values(b, 2), b)), "ERR_SHAPE", text);
  });
});

describe("arithmetic: the rest", () => {
  test("one tensor on both sides gets both gradients", () => {
    const data = values([2, 3], 1);
    const ones = new Float32Array(6).fill(1);
    const gradient = (fn: Binary) => evaluate((x) => fn(x, x), [{ shape: [2, 3], data }], ones).gradients[0]!;
    expectClose(
      gradient(mul),
      data.map((v) => 2 * v),
      1e-6,
      "x x",
    );
    expectClose(
      gradient(add),
      ones.map(() => 2),
      0,
      "x + x",
    );
    expectClose(
      gradient(sub),
      ones.map(() => 0),
      0,
      "x - x",
    );
    expectClose(
      gradient(div),
      ones.map(() => 0),
      1e-6,
      "x / x",
    );
  });

  test("no gradient for a side that wants none", () => {
    const [a, b] = [tensor([1, 2], [2], { requiresGrad: true }), tensor([3, 4], [2])];
    mul(a, b).backward(tensor([1, 1], [2]));
    expect(Array.from(a.grad!.dataSync())).toEqual([3, 4]);
    expect(b.grad).toBeNull();
  });

  test("the gradient of a large divisor does not overflow", () => {
    const result = evaluate(
      div,
      [
        { shape: [1], data: [1e25] },
        { shape: [1], data: [1e25] },
      ],
      [1],
    );
    expectClose(result.gradients[1]!, [-1e-25], 1e-6, "gradient");
  });

  test("division by zero, NaN and infinities follow IEEE 754", () => {
    const result = evaluate(div, [
      { shape: [4], data: [1, -1, 0, Number.NaN] },
      { shape: [4], data: [0, 0, 0, 1] },
    ]);
    expect(Array.from(result.output)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.NaN,
    ]);
  });

  test("neg keeps the sign of zero, and has a gradient", () => {
    const result = evaluate(neg, [{ shape: [3], data: [1, 0, -2] }], [1, 2, 3]);
    expectSameBits(result.output, [-1, -0, 2], "value");
    expectSameBits(result.gradients[0]!, [-1, -2, -3], "gradient");
  });

  test("a sum over 2 million rows keeps its digits", () => {
    // Every float32 addition to a running sum of this size would lose a part of 1.1.
    const rows = 2_000_003;
    const dy = new Float32Array(rows * 2).fill(1.1);
    const result = evaluate(
      (x, row) => add(x, row),
      [
        { shape: [rows, 2], data: new Float32Array(rows * 2) },
        { shape: [2], data: [0, 0] },
      ],
      dy,
    );
    const total = Math.fround(1.1) * rows;
    expectClose(result.gradients[1]!, [total, total], 2e-7, "row gradient");
  });

  test("misuse has its code", () => {
    const x = tensor([1], [1]);
    expectCode(() => add(1, 2), "ERR_ARGUMENT", "a or b");
    expectCode(() => add("1" as never, x), "ERR_ARGUMENT", "add: a must be a tensor");
    expectCode(() => mul(x, undefined as never), "ERR_ARGUMENT", "mul: b must be a tensor");
    expectCode(() => mul(x, tensor(Int32Array.of(1), [1])), "ERR_DTYPE", "b must be f32, got i32");
    expectCode(() => neg(3 as never), "ERR_ARGUMENT", "neg: x");
    const gone = tensor([1], [1]);
    gone.dispose();
    expectCode(() => sub(gone, x), "ERR_DISPOSED", "a");
  });
});
