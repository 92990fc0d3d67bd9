import { describe, expect, test } from "@jest/globals";
import { quantizeRows } from "../../src/tensor/ops.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectCode, randomData } from "../support/ops.js";

/** To the nearest integer, ties to even. */
function nearest(x: number): number {
  const low = Math.floor(x);
  if (x - low === 0.5) return low % 2 === 0 ? low : low + 1;
  return Math.round(x);
}

describe("quantize_rows", () => {
  for (const [rows, width] of [
    [0, 4],
    [3, 0],
    [1, 1],
    [5, 67],
    [300, 129],
  ]) {
    test(`${rows} x ${width}: the row's largest magnitude is 127`, () => {
      const data = randomData([rows, width], 3, 2);
      const { values, scale } = quantizeRows(tensor(data, [rows, width]));
      expect([values.dtype, values.shape, scale.dtype, scale.shape]).toEqual([
        "i8",
        [rows, width],
        "f32",
        [rows],
      ]);
      const [q, s] = [values.dataSync(), scale.dataSync()];
      for (let row = 0; row < rows; row++) {
        const x = data.subarray(row * width, (row + 1) * width);
        const largest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        expect(s[row]).toBe(Math.fround(largest / 127));
        const inverse = largest > 0 ? Math.fround(127 / largest) : 0;
        for (let i = 0; i < width; i++) {
          expect(q[row * width + i]).toBe(nearest(Math.fround(x[i] * inverse)) + 0);
        }
      }
    });
  }

  test("a row of zeros has scale 0", () => {
    const { values, scale } = quantizeRows(tensor([0, -0, 0, 1, -2, 0.5], [2, 3]));
    expect([...values.dataSync()].map((v) => v + 0)).toEqual([0, 0, 0, 64, -127, 32]);
    expect([...scale.dataSync()]).toEqual([0, Math.fround(2 / 127)]);
  });

  test("what is not finite is named by its row", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const { values } = quantizeRows(tensor([1, 2, 3, 4, 5, bad], [3, 2]));
      await expect(values.data()).rejects.toMatchObject({
        code: "ERR_DATA",
        message: "quantize_rows: x must be finite, row 2 is not",
      });
    }
  });

  test("misuse", () => {
    expectCode(() => quantizeRows(tensor([1, 2], [2])), "ERR_SHAPE", /x must have 2 dimensions/);
    expectCode(() => quantizeRows(tensor([1, 2], [1, 2], { dtype: "i32" })), "ERR_DTYPE", /x must be f32/);
  });
});
