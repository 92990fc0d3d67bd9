import { describe, expect, test } from "@jest/globals";
import { add, concat, mul, slice } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, countOf, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

describe("concat", () => {
  const cases: [number[], number, number[]][] = [
    [[1], 0, [1]],
    [[0], 0, [3, 0, 2]],
    [[0, 5], 0, [3, 1, 70]],
    [[130, 0], 1, [3, 0, 200]],
    [[2, 0, 3], 1, [1, 4]],
    [[2, 2, 0], 2, [3, 2, 1]],
    [[2, 2, 3, 0], 3, [5, 1]],
    [[0, 2, 3, 2], 0, [2, 2]],
  ];
  for (const [base, dim, sizes] of cases) {
    test(`along ${dim} of (${base.map((s, i) => (i === dim ? sizes.join("+") : s))})`, () => {
      const shapeOf = (size: number) => base.map((s, i) => (i === dim ? size : s));
      const parts = sizes.map((size, i) =>
        tensor(randomData(shapeOf(size), i + 1), shapeOf(size), { requiresGrad: true }),
      );
      const y = concat(parts, dim);
      const total = sizes.reduce((a, b) => a + b, 0);
      expect(y.shape).toEqual(shapeOf(total));
      const upstream = tensor(randomData(y.shape, 9), y.shape);
      y.backward(upstream);
      let begin = 0;
      sizes.forEach((size, i) => {
        // slice has its own reference
        expectSameBits(bits(slice(y.detach(), begin, begin + size, dim)), bits(parts[i]), `part ${i}`);
        expectSameBits(bits(parts[i].grad), bits(slice(upstream, begin, begin + size, dim)), `gradient ${i}`);
        begin += size;
      });
    });
  }

  test("ranges of columns are read in place, along both dimensions", () => {
    const x = tensor([0, 1, 2, 3, 4, 5, 6, 7], [2, 4]);
    const [a, b] = [slice(x, 1, 3, 1), slice(x, 2, 4, 1)];
    expect([...bits(concat([a, b], 0))]).toEqual([1, 2, 5, 6, 2, 3, 6, 7]);
    expect([...bits(concat([a, b], 1))]).toEqual([1, 2, 2, 3, 5, 6, 6, 7]);
  });

  test("the same tensor twice, and used elsewhere too: gradients add", () => {
    const x = tensor([1, 2], [1, 2], { requiresGrad: true });
    add(concat([x, x], 0), concat([x, mul(x, x)], 0)).backward(tensor([1, 2, 3, 4], [2, 2]));
    expect([...bits(x.grad)]).toEqual([1 + 1 + 3 + 2 * 1 * 3, 2 + 2 + 4 + 2 * 2 * 4]);
  });

  test("a gradient that is a view stays apart from others' when it is added to", () => {
    const [a, b] = [tensor([1], [1, 1], { requiresGrad: true }), tensor([2], [1, 1], { requiresGrad: true })];
    concat([a, b], 0).backward(tensor([10, 20], [2, 1]));
    concat([a, b], 1).backward(tensor([1, 2], [1, 2]));
    expect([...bits(a.grad), ...bits(b.grad)]).toEqual([11, 22]);
  });

  test("central differences", async () => {
    const input = (shape: number[], seed: number) => ({ shape, data: randomData(shape, seed) });
    await checkGradients((a, b) => concat([a, b], 1), [input([2, 3, 2], 1), input([2, 1, 2], 2)]);
    await checkGradients(
      (a, b) => mul(concat([a, b], 1), concat([b, a], 1)),
      [input([3, 2], 1), input([3, 2], 2)],
    );
  });

  test("every dtype; negative dim; one alone", () => {
    for (const dtype of ["i32", "i8", "u8", "bf16"] as const) {
      const x = tensor([1, 2, 3, 4], [2, 2], { dtype });
      const y = concat([x, x], -1);
      expect(y.dtype).toBe(dtype);
      expect([...y.dataSync()]).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
    }
    expect([...bits(concat([tensor([1, 2], [2])]))]).toEqual([1, 2]);
  });

  const t = (...shape: number[]) => tensor(new Float32Array(countOf(shape)), shape);
  test.each<[string, () => unknown, string, string]>([
    ["none", () => concat([]), "ERR_ARGUMENT", "tensors"],
    ["other sizes", () => concat([t(2, 3), t(2, 4)]), "ERR_SHAPE", "tensors[1] must be (2, 3), got (2, 4)"],
    ["ranks", () => concat([t(2, 3), t(3)]), "ERR_SHAPE", "tensors[1]"],
    ["dtypes", () => concat([t(2), tensor(new Int32Array(2), [2])]), "ERR_DTYPE", "tensors[1]"],
    ["dim", () => concat([t(2)], 1), "ERR_ARGUMENT", "dim must"],
    ["scalars", () => concat([tensor([1], [])]), "ERR_SHAPE", "x must"],
    ["no tensor", () => concat([t(2), 3 as never]), "ERR_ARGUMENT", "tensors[1]"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
