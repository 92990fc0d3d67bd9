import { describe, expect, test } from "@jest/globals";
import { where } from "../../src/tensor/ops/elementwise.js";
import { tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  randomData,
  randomIntegers,
} from "../support/ops.js";

const dtypes = { u8: Uint8Array, i32: Int32Array, f32: Float32Array };

describe.each(Object.keys(dtypes) as (keyof typeof dtypes)[])("where: condition %s", (dtype) => {
  test.each([[[]], [[0]], [[1]], [[3, 5]], [[2, 3, 5]], [[70_001]]])("shape %j", (shape) => {
    const chosen = randomIntegers(shape, 1, 0, 3);
    const condition = tensor(dtypes[dtype].from(chosen), shape);
    const [a, b, dy] = [randomData(shape, 2), randomData(shape, 3), randomData(shape, 4)];
    const run = () =>
      evaluate(
        (x, y) => where(condition, x, y),
        [
          { shape, data: a },
          { shape, data: b },
        ],
        dy,
      );
    const result = run();
    expect(result.shape).toEqual(shape);
    expectSameBits(
      result.output,
      a.map((v, i) => (chosen[i] ? v : b[i])),
      "value",
    );
    expectSameBits(
      result.gradients[0]!,
      dy.map((v, i) => (chosen[i] ? v : 0)),
      "gradient of a",
    );
    expectSameBits(
      result.gradients[1]!,
      dy.map((v, i) => (chosen[i] ? 0 : v)),
      "gradient of b",
    );
    expectSameBits(run().output, result.output, "again");
  });

  test("one element and numbers on either side", () => {
    const shape = [123, 321];
    const chosen = randomIntegers(shape, 5, 0, 2);
    const condition = tensor(dtypes[dtype].from(chosen), shape);
    const [x, dy] = [randomData(shape, 6), randomData(shape, 7)];
    const element = evaluate(
      (a, b) => where(condition, a, b),
      [
        { shape: [1], data: [2.5] },
        { shape, data: x },
      ],
      dy,
    );
    expectSameBits(
      element.output,
      x.map((v, i) => (chosen[i] ? 2.5 : v)),
      "value",
    );
    const total = dy.reduce((s, v, i) => s + (chosen[i] ? v : 0), 0);
    expectClose(element.gradients[0]!, [total], 1e-6, "gradient of the element");
    const numbers = evaluate((a) => where(condition, a, Number.NEGATIVE_INFINITY), [{ shape, data: x }], dy);
    expectSameBits(
      numbers.output,
      x.map((v, i) => (chosen[i] ? v : Number.NEGATIVE_INFINITY)),
      "value",
    );
    expectSameBits(
      numbers.gradients[0]!,
      dy.map((v, i) => (chosen[i] ? v : 0)),
      "gradient",
    );
    const both = where(condition, 1, 0);
    expectSameBits(
      both.dataSync(),
      chosen.map((c) => (c ? 1 : 0)),
      "two numbers",
    );
    expect(both.dtype).toBe("f32");
  });
});

describe("where: the rest", () => {
  test("gradients against differences", async () => {
    const condition = tensor(Uint8Array.of(1, 0, 0, 1, 1, 0), [2, 3]);
    const full = { shape: [2, 3], data: randomData([2, 3], 1) };
    await checkGradients(
      (a, b) => where(condition, a, b),
      [full, { shape: [2, 3], data: randomData([2, 3], 2) }],
    );
    await checkGradients((a, b) => where(condition, a, b), [full, { shape: [], data: [0.5] }]);
    await checkGradients((a, b) => where(condition, a, b), [{ shape: [1], data: [0.5] }, full]);
  });

  test("ranges of columns, and NaN only where it is chosen", () => {
    const condition = tensor(Uint8Array.of(9, 1, 0, 9, 9, 0, 1, 9), [2, 4]).slice(1, 3, 1);
    const result = evaluate((a) => where(condition, a, 7), [{ shape: [2, 2], data: [1, Number.NaN, 3, 4] }]);
    expectSameBits(result.output, [1, 7, 7, 4], "value");
    expectSameBits(where(tensor([Number.NaN, 0], [2]), 1, 2).dataSync(), [1, 2], "NaN is not zero");
  });

  test("misuse has its code", () => {
    const condition = tensor(Uint8Array.of(1, 0), [2]);
    const x = tensor([1, 2, 3], [3]);
    expectCode(
      () => where(condition, x, 0),
      "ERR_SHAPE",
      /a must have the shape of condition \(2\).*got \(3\)/,
    );
    expectCode(() => where(condition, 0, x), "ERR_SHAPE", "b must");
    expectCode(() => where(condition, tensor(Int32Array.of(1, 2), [2]), 0), "ERR_DTYPE", "a must be f32");
    expectCode(
      () => where(tensor([1, 2], [2], { dtype: "i8" }), 0, 1),
      "ERR_DTYPE",
      "condition must be u8, i32 or f32, got i8",
    );
    expectCode(() => where(1 as never, 0, 1), "ERR_ARGUMENT", "condition");
    expectCode(() => where(condition, "1" as never, 1), "ERR_ARGUMENT", "where: a must be a tensor");
  });
});
