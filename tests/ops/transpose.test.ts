import { describe, expect, test } from "@jest/globals";
import { slice, transpose } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, countOf, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

function reference(data: ArrayLike<number>, shape: number[], first: number, second: number): Float32Array {
  const turned = [...shape];
  [turned[first], turned[second]] = [shape[second], shape[first]];
  const stride = (s: number[], dim: number) => countOf(s.slice(dim + 1));
  const result = new Float32Array(countOf(shape));
  for (let i = 0; i < result.length; i++) {
    let at = 0;
    for (let dim = 0; dim < shape.length; dim++) {
      const index = Math.floor(i / stride(turned, dim)) % turned[dim];
      at += index * stride(shape, dim === first ? second : dim === second ? first : dim);
    }
    result[i] = data[at];
  }
  return result;
}

describe("transpose", () => {
  const shapes = [
    [3],
    [1, 1],
    [0, 4],
    [31, 33],
    [32, 64],
    [130, 257],
    [3, 5, 7],
    [2, 33, 40],
    [2, 3, 4, 5],
    [40, 1, 2, 35],
  ];
  for (const shape of shapes) {
    test(`(${shape}): every pair of dimensions`, () => {
      const data = randomData(shape, 1);
      for (let first = 0; first < shape.length; first++) {
        for (let second = 0; second < shape.length; second++) {
          const x = tensor(data, shape, { requiresGrad: true });
          const y = transpose(x, first, second);
          const turned = [...shape];
          [turned[first], turned[second]] = [shape[second], shape[first]];
          expect(y.shape).toEqual(turned);
          expectSameBits(bits(y), reference(data, shape, first, second), `${first}, ${second}`);
          const upstream = randomData(turned, 2);
          y.backward(tensor(upstream, turned));
          expectSameBits(
            bits(x.grad),
            reference(upstream, turned, first, second),
            `gradient ${first}, ${second}`,
          );
        }
      }
    });
  }

  test("central differences", async () => {
    await checkGradients((x) => transpose(x, 0, 2), [{ shape: [2, 3, 4], data: randomData([2, 3, 4], 1) }]);
  });

  test("a range of columns is read in place; the last two are the default", () => {
    const x = slice(tensor([0, 1, 2, 3, 4, 5, 6, 7], [2, 4]), 1, 4, 1);
    expect([...bits(transpose(x))]).toEqual([1, 5, 2, 6, 3, 7]);
  });

  test("every dtype", () => {
    for (const dtype of ["i32", "i8", "u8", "bf16"] as const) {
      const x = tensor([1, 2, 3, 4, 5, 6], [2, 3], { dtype });
      expect([...transpose(x).dataSync()]).toEqual([1, 4, 2, 5, 3, 6]);
      const runs = tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2], { dtype });
      expect([...transpose(runs, 0, 1).dataSync()]).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
    }
  });

  const x = () => tensor(new Float32Array(6), [2, 3]);
  test.each<[string, () => unknown, string, string]>([
    ["dim0", () => transpose(x(), 2, 0), "ERR_ARGUMENT", "dim0 must"],
    ["dim1", () => transpose(x(), 0, -3), "ERR_ARGUMENT", "dim1 must"],
    ["scalar", () => transpose(tensor([1], []), 0, 0), "ERR_SHAPE", "x must"],
    ["no tensor", () => transpose([] as never), "ERR_ARGUMENT", "x must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
