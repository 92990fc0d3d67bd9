import { describe, expect, test } from "@jest/globals";
import { type SegmentKind, segmentReduce } from "../../src/tensor/ops/segment.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  randomData,
} from "../support/ops.js";

const int32 = (values: number[]) => tensor(Int32Array.from(values), [values.length]);

function reference(x: ArrayLike<number>, width: number, offsets: number[], kind: SegmentKind): number[] {
  const y: number[] = [];
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let c = 0; c < width; c++) {
      const values = [];
      for (let row = offsets[b]; row < offsets[b + 1]; row++) values.push(x[row * width + c]);
      const sum = values.reduce((total, v) => total + v, 0);
      if (kind === "max") y.push(Math.max(...values));
      else y.push(kind === "mean" && values.length ? sum / values.length : sum);
    }
  }
  return y;
}

describe("segment_reduce", () => {
  const kinds: SegmentKind[] = ["sum", "mean", "max"];
  const shapes: [number[], number][] = [
    [[0], 3],
    [[0, 1], 1],
    [[0, 3, 4, 20], 5],
    [[0, 129, 130, 1000], 33],
    [[0, 70], 1025],
    [[0, 20000], 2],
  ];
  for (const kind of kinds) {
    test.each(shapes)(`${kind}, offsets %j, width %d`, async (offsets, width) => {
      const rows = offsets[offsets.length - 1];
      const x = randomData([rows, width], 1);
      const y = segmentReduce(tensor(x, [rows, width]), int32(offsets), kind);
      expect(y.shape).toEqual([offsets.length - 1, width]);
      expectClose(await y.data(), reference(x, width, offsets, kind), 2e-6, kind);
    });

    test(`${kind}: gradients, also for a range of columns`, async () => {
      const offsets = [0, 3, 4, 7];
      const x = Float32Array.from(randomData([7, 6], 1), (v, i) => v + 3 * ((i * 5) % 7)); // no near ties
      await checkGradients(
        (t: Tensor) => segmentReduce(t, int32(offsets), kind),
        [{ shape: [7, 6], data: x }],
      );
      const part = (t: Tensor) => segmentReduce(t.slice(1, 4, 1), int32(offsets), kind);
      await checkGradients(part, [{ shape: [7, 6], data: x }]);
    });
  }

  test("an empty sequence gives 0 for sum and mean", async () => {
    const x = tensor([1, 2, 3, 4], [2, 2], { requiresGrad: true });
    for (const kind of ["sum", "mean"] as const) {
      const y = segmentReduce(x, int32([0, 0, 2, 2]), kind);
      expectClose(await y.data(), kind === "sum" ? [0, 0, 4, 6, 0, 0] : [0, 0, 2, 3, 0, 0], 0, kind);
    }
  });

  test("max: the gradient of a tie goes to the first row; NaN wins", async () => {
    const x = tensor([5, 1, 5, Number.NaN, 2, 9], [3, 2], { requiresGrad: true });
    const y = segmentReduce(x, int32([0, 3]), "max");
    expect([...(await y.data())]).toEqual([5, Number.NaN]);
    y.backward(tensor([1, 2], [1, 2]));
    expect([...(await x.grad!.data())]).toEqual([1, 0, 0, 2, 0, 0]);
  });

  test("the same bits twice", () => {
    const x = tensor(randomData([5000, 40], 1), [5000, 40]);
    const run = () => segmentReduce(x, int32([0, 4000, 5000]), "mean").dataSync();
    expectSameBits(run(), run(), "y");
  });

  test("misuse", async () => {
    const x = tensor(new Float32Array(8), [4, 2]);
    expectCode(() => segmentReduce(x, int32([0, 4]), "min" as never), "ERR_ARGUMENT", "kind");
    expectCode(() => segmentReduce(x, int32([0, 3]), "sum"), "ERR_ARGUMENT", "offsets");
    expectCode(() => segmentReduce(x, x, "sum"), "ERR_DTYPE", "offsets");
    expectCode(() => segmentReduce(tensor([1], [1]), int32([0, 1]), "sum"), "ERR_SHAPE", "x must have");
    expectCode(
      () => segmentReduce(tensor(new Int32Array(4), [2, 2]), int32([0, 2]), "sum"),
      "ERR_DTYPE",
      "x must be",
    );
    expectCode(() => segmentReduce(x, int32([0, 4, 4]), "max"), "ERR_DATA", "sequence 1");
    const late = int32([0, 2, 4]);
    late.set(Int32Array.of(0, 0, 4));
    await expectCodeAsync(segmentReduce(x, late, "max").data(), "ERR_DATA", "sequence 0");
  });
});
