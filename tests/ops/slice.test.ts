import { describe, expect, test } from "@jest/globals";
import { add, gatherRows, linear, slice } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, countOf, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

/** Elements [begin, end) of dimension dim, by index arithmetic. */
function reference(
  data: ArrayLike<number>,
  shape: number[],
  begin: number,
  end: number,
  dim: number,
): Float32Array {
  const inner = countOf(shape.slice(dim + 1));
  const result: number[] = [];
  for (let i = 0; i < countOf(shape); i++) {
    const at = Math.floor(i / inner) % shape[dim];
    if (at >= begin && at < end) result.push(data[i]);
  }
  return Float32Array.from(result);
}

describe("slice", () => {
  const shapes = [[1], [9], [5, 7], [4, 3, 5], [3, 4, 2, 5], [0, 3], [300, 130]];
  for (const shape of shapes) {
    for (let dim = 0; dim < shape.length; dim++) {
      test(`(${shape}) along ${dim}: values and gradient`, () => {
        const size = shape[dim];
        for (const [begin, end] of [
          [0, size],
          [size >> 1, size],
          [0, size >> 1],
          [size, size],
          [size >> 2, size >> 1],
        ]) {
          const x = tensor(randomData(shape, 1), shape, { requiresGrad: true });
          const y = slice(x, begin, end, dim);
          expect(y.shape).toEqual(shape.map((s, i) => (i === dim ? end - begin : s)));
          expectSameBits(bits(y), reference(bits(x), shape, begin, end, dim), `${begin}..${end}`);
          y.backward(tensor(new Float32Array(countOf(y.shape)).fill(1), y.shape));
          expect(bits(x.grad).reduce((sum, g) => sum + g, 0)).toBe(countOf(y.shape));
          const kept = reference(bits(x.grad), shape, begin, end, dim);
          expect(kept.every((g) => g === 1)).toBe(true);
        }
      });
    }
  }

  test("central differences, also when the same tensor is cut twice", async () => {
    await checkGradients((x) => slice(x, 1, 3, 2), [{ shape: [2, 3, 4], data: randomData([2, 3, 4], 1) }]);
    await checkGradients(
      (x) => add(slice(x, 0, 2), slice(x, 1, 3)),
      [{ shape: [3, 4], data: randomData([3, 4], 1) }],
    );
    await checkGradients(
      (x) => add(slice(x, 0, 2, 1), slice(x, 1, 3, 1)),
      [{ shape: [3, 4], data: randomData([3, 4], 1) }],
    );
  });

  test("rows and columns are views: a slice of a slice, and what is read later", () => {
    const x = tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4]);
    const columns = slice(x, 1, 4, 1);
    const part = slice(slice(columns, 1, 3), 1, 3, 1);
    x.set([0, 1, 2, 3, 4, 5, 60, 70, 8, 9, 100, 110]);
    expect([...bits(part)]).toEqual([60, 70, 100, 110]);
  });

  test("every dtype; negative dim; Tensor.slice", () => {
    for (const dtype of ["i32", "i8", "u8", "bf16"] as const) {
      const x = tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2], { dtype });
      expect([...slice(x, 1, 2, -1).dataSync()]).toEqual([2, 4, 6, 8]);
    }
    expect([...bits(tensor([1, 2, 3], [3]).slice(1, 3))]).toEqual([2, 3]);
  });

  test("a slice feeds other ops and their gradients come back through it", () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [3, 2], { requiresGrad: true });
    const rows = gatherRows(slice(x, 1, 3), tensor(Int32Array.of(1, 1), [2]));
    linear(rows, tensor([1, 10], [1, 2])).backward(tensor([1, 1], [2, 1]));
    expect([...bits(x.grad)]).toEqual([0, 0, 0, 0, 2, 20]);
  });

  const x = () => tensor(new Float32Array(6), [2, 3]);
  test.each<[string, () => unknown, string, string]>([
    ["end beyond", () => slice(x(), 0, 3), "ERR_ARGUMENT", "end must be 0 to 2, got 3"],
    ["end before begin", () => slice(x(), 2, 1), "ERR_ARGUMENT", "end must"],
    ["begin negative", () => slice(x(), -1, 1), "ERR_ARGUMENT", "begin must"],
    ["half", () => slice(x(), 0.5, 1), "ERR_ARGUMENT", "begin must"],
    ["dim", () => slice(x(), 0, 1, 2), "ERR_ARGUMENT", "dim must"],
    ["scalar", () => slice(tensor([1], []), 0, 1), "ERR_SHAPE", "x must"],
    ["no tensor", () => slice(1 as never, 0, 1), "ERR_ARGUMENT", "x must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
