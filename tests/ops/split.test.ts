import { describe, expect, test } from "@jest/globals";
import { add, concat, linear, split } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

describe("split", () => {
  const cases = [
    [0, 3, 3],
    [4, 0, 2],
    [1, 1, 1],
    [5, 7, 3],
    [200, 33, 3],
    [3, 1, 40],
  ];
  for (const [rows, width, n] of cases) {
    test(`(${rows}, ${n} x ${width})`, () => {
      const data = randomData([rows, n * width], 1);
      const parts = split(tensor(data, [rows, n * width]), n);
      expect(parts).toHaveLength(n);
      parts.forEach((part, p) => {
        expect(part.shape).toEqual([rows, width]);
        const expected = new Float32Array(rows * width);
        for (let r = 0; r < rows; r++) {
          expected.set(data.subarray((r * n + p) * width, (r * n + p + 1) * width), r * width);
        }
        expectSameBits(bits(part), expected, `part ${p}`);
      });
    });
  }

  test("gradients side by side: those of a concat go through as they are", () => {
    const x = tensor(randomData([4, 6], 1), [4, 6], { requiresGrad: true });
    const upstream = randomData([4, 6], 2);
    concat(split(x, 3), 1).backward(tensor(upstream, [4, 6]));
    expectSameBits(bits(x.grad), upstream, "dx");
  });

  test("gradients side by side, but of a wider matrix", () => {
    const x = tensor(randomData([3, 4], 1), [3, 4], { requiresGrad: true });
    const other = tensor(randomData([3, 2], 2), [3, 2], { requiresGrad: true });
    const upstream = randomData([3, 6], 3);
    concat([other, ...split(x, 2)], 1).backward(tensor(upstream, [3, 6]));
    for (let r = 0; r < 3; r++) {
      expectSameBits(
        bits(x.grad).subarray(r * 4, r * 4 + 4),
        upstream.subarray(r * 6 + 2, r * 6 + 6),
        `row ${r}`,
      );
    }
  });

  test("gradients in another order are put together, not taken as they lie", () => {
    const x = tensor(randomData([3, 4], 1), [3, 4], { requiresGrad: true });
    const [a, b] = split(x, 2);
    concat([b, a], 1).backward(tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4]));
    expect([...bits(x.grad)]).toEqual([2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9]);
  });

  test("parts that are not used count as zero", () => {
    const x = tensor(randomData([2, 6], 1), [2, 6], { requiresGrad: true });
    split(x, 3)[1].backward(tensor([1, 2, 3, 4], [2, 2]));
    expect([...bits(x.grad)]).toEqual([0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0]);
  });

  test("central differences: parts used twice, through other ops", async () => {
    const weight = tensor(randomData([2, 2], 5), [2, 2]);
    await checkGradients(
      (x) => {
        const [a, b, c] = split(x, 3);
        return add(add(linear(a, weight), b), add(b, linear(c, weight, null, { activation: "tanh" })));
      },
      [{ shape: [3, 6], data: randomData([3, 6], 1) }],
    );
  });

  const x = () => tensor(new Float32Array(8), [2, 4]);
  test.each<[string, () => unknown, string, string]>([
    ["uneven", () => split(x(), 3), "ERR_SHAPE", "x must have columns for 3 equal parts, got (2, 4)"],
    ["n 0", () => split(x(), 0), "ERR_ARGUMENT", "n must"],
    ["n too many", () => split(x(), 5000), "ERR_ARGUMENT", "n must"],
    ["rank", () => split(tensor(new Float32Array(8), [2, 2, 2]), 2), "ERR_SHAPE", "x must"],
    ["no tensor", () => split(undefined as never, 2), "ERR_ARGUMENT", "x must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
