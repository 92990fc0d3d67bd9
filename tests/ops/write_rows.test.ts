import { describe, expect, test } from "@jest/globals";
import { cast, gatherRows, mul, slice, sum, writeRows } from "../../src/tensor/ops.js";
import { noGrad } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync, expectSameBits, randomData } from "../support/ops.js";

const ints = (...data: number[]) => tensor(Int32Array.from(data), [data.length]);

// The first `count` of a shuffle of 0 to limit - 1 that is always the same.
function distinct(limit: number, count: number): number[] {
  const order = Array.from({ length: limit }, (_, i) => i);
  for (let i = limit - 1; i > 0; i--) {
    const j = (i * 7919 + 13) % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.slice(0, count);
}

describe("write_rows", () => {
  test.each([
    [1, 1, 1],
    [7, 0, 5],
    [4, 3, 0],
    [9, 9, 3],
    [300, 128, 512],
    [64, 33, 17],
  ])("(%d rows), %d written, width %d", (limit, count, width) => {
    const before = randomData([limit, width], 1);
    const x = randomData([count, width], 2);
    const rows = distinct(limit, count);
    const target = tensor(before, [limit, width]);
    writeRows(target, ints(...rows), tensor(x, [count, width]));
    const expected = Float32Array.from(before);
    for (const [i, row] of rows.entries()) expected.set(x.subarray(i * width, (i + 1) * width), row * width);
    expectSameBits(target.dataSync(), expected, "target");
  });

  test("every dtype; ranges of columns on both sides", () => {
    for (const dtype of ["i32", "i8", "u8", "bf16"] as const) {
      const target = tensor([1, 2, 3, 4, 5, 6], [3, 2], { dtype });
      writeRows(target, ints(2, 0), tensor([7, 8, 9, 10], [2, 2], { dtype }));
      const read = dtype === "bf16" ? cast(target, "f32") : target;
      expect([...read.dataSync()]).toEqual([9, 10, 3, 4, 7, 8]);
    }
    const target = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const x = tensor([10, 20, 30, 40], [1, 4]);
    writeRows(slice(target, 1, 3, 1), ints(1), slice(x, 2, 4, 1));
    expect([...target.dataSync()]).toEqual([1, 2, 3, 4, 30, 40]);
  });

  test("in order with what is queued: earlier readers see the old rows, later ones the new", () => {
    const target = tensor([1, 2], [2, 1]);
    const before = mul(target, 1);
    writeRows(target, ints(0), tensor([5], [1, 1]));
    const between = mul(target, 1);
    writeRows(target, ints(0), tensor([6], [1, 1]));
    expect([before, between, target].map((t) => [...t.dataSync()])).toEqual([
      [1, 2],
      [5, 2],
      [6, 2],
    ]);
  });

  test("rows that an op made", async () => {
    const rows = gatherRows(ints(4, 1, 0), ints(1, 2)); // 1, 0
    const target = tensor([1, 2, 3], [3, 1]);
    writeRows(target, rows, tensor([8, 9], [2, 1]));
    expect([...target.dataSync()]).toEqual([9, 8, 3]);
    const outside = tensor([1, 2, 3], [3, 1]);
    const both = gatherRows(ints(4, 1, 0), ints(1, 0)); // 1, 4
    writeRows(outside, both, tensor([8, 9], [2, 1]));
    await expectCodeAsync(
      outside.data(),
      "ERR_DATA",
      "write_rows: rows must lie within the 3 rows of the target, got 4",
    );
    const twice = tensor([1, 2, 3], [3, 1]);
    writeRows(twice, gatherRows(ints(1, 2), ints(1, 0, 1)), tensor([7, 8, 9], [3, 1]));
    await expectCodeAsync(twice.data(), "ERR_DATA", "write_rows: rows must be distinct, got 2 twice");
  });

  test("a pending backward that needs the old rows errors", () => {
    const weight = tensor([1, 2], [2, 1], { requiresGrad: true });
    const x = tensor([3, 4], [2, 1]);
    const loss = sum(mul(weight, x));
    writeRows(x, ints(1), tensor([9], [1, 1]));
    expectCode(() => loss.backward(), "ERR_VERSION", "changed in place");
  });

  test("misuse", () => {
    const target = tensor([1, 2, 3, 4], [2, 2]);
    const x = tensor([5, 6], [1, 2]);
    const grad = tensor([5, 6], [1, 2], { requiresGrad: true });
    expectCode(() => writeRows(target, ints(2), x), "ERR_ARGUMENT", "rows must lie within the 2 rows");
    expectCode(() => writeRows(target, ints(-1), x), "ERR_ARGUMENT", "got -1");
    expectCode(
      () => writeRows(target, ints(1, 0, 1), tensor(new Float32Array(6), [3, 2])),
      "ERR_ARGUMENT",
      "rows must be distinct, got 1 twice",
    );
    expectCode(() => writeRows(target, ints(0, 1), x), "ERR_SHAPE", "x must be (2, 2), got (1, 2)");
    expectCode(() => writeRows(tensor([1], [1]), ints(0), x), "ERR_SHAPE", "target must have 2 dimensions");
    expectCode(() => writeRows(target, tensor([0], [1]), x), "ERR_DTYPE", "rows must be i32");
    expectCode(() => writeRows(target, ints(0), cast(x, "bf16")), "ERR_DTYPE", "x must be f32, got bf16");
    expectCode(
      () => writeRows(target, ints(1), slice(target, 0, 1)),
      "ERR_ARGUMENT",
      "x must not be part of",
    );
    const places = tensor(Int32Array.of(1, 0), [2, 1]); // rows that would change while they are followed
    expectCode(
      () => writeRows(places, places.reshape([2]), tensor(Int32Array.of(5, 6), [2, 1])),
      "ERR_ARGUMENT",
      "rows must not be part of",
    );
    expectCode(() => writeRows(target, ints(1), grad), "ERR_ARGUMENT", "x must not require a gradient");
    noGrad(() => writeRows(target, ints(1), grad));
    expect([...target.dataSync()]).toEqual([1, 2, 5, 6]);
    expectCode(() => writeRows(target, [0] as never, x), "ERR_ARGUMENT", "rows must");
  });
});
