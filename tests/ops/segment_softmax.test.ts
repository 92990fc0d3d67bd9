import { describe, expect, test } from "@jest/globals";
import { segmentSoftmax } from "../../src/tensor/ops/segment.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";

const int32 = (values: number[]) => tensor(Int32Array.from(values), [values.length]);
const cases = await fixtureCases("softmax");

function reference(x: ArrayLike<number>, width: number, offsets: number[]): Float64Array {
  const y = new Float64Array(x.length);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let c = 0; c < width; c++) {
      let [largest, total] = [Number.NEGATIVE_INFINITY, 0];
      for (let row = offsets[b]; row < offsets[b + 1]; row++) largest = Math.max(largest, x[row * width + c]);
      for (let row = offsets[b]; row < offsets[b + 1]; row++) total += Math.exp(x[row * width + c] - largest);
      for (let row = offsets[b]; row < offsets[b + 1]; row++) {
        y[row * width + c] = Math.exp(x[row * width + c] - largest) / total;
      }
    }
  }
  return y;
}

describe("segment_softmax against PyTorch's softmax, a row of the fixture as a sequence", () => {
  test.each(cases.map((c) => [c.case, c] as const))("%s", async (_, c) => {
    const { data, shape } = c.tensors.get("x")!;
    const [rows, width] = shape;
    const x = tensor(data, [rows * width], { requiresGrad: true });
    const y = segmentSoftmax(x, int32(Array.from({ length: rows + 1 }, (_, i) => i * width)));
    expectClose(await y.data(), c.tensors.get("output")!.data, fixtureTolerance(c), "output");
  });
});

describe("segment_softmax", () => {
  test.each([
    [[0], 1],
    [[0, 1], 1],
    [[0, 3, 3, 20], 1],
    [[0, 3, 4, 20], 5],
    [[0, 129, 1000], 33],
  ])("offsets %j, width %d", async (offsets, width) => {
    const rows = offsets[offsets.length - 1];
    const x = randomData([rows, width], 1, 3);
    const y = segmentSoftmax(tensor(x, [rows, width]), int32(offsets));
    expectClose(await y.data(), reference(x, width, offsets), 2e-6, "y");
    if (width === 1) {
      const flat = segmentSoftmax(tensor(x, [rows]), int32(offsets));
      expect(flat.shape).toEqual([rows]);
      expectSameBits(await flat.data(), await y.data(), "flat");
    }
  });

  test("gradients: vector, columns, range of columns", async () => {
    const offsets = [0, 3, 3, 4, 7];
    const run = (x: Tensor) => segmentSoftmax(x, int32(offsets));
    await checkGradients(run, [{ shape: [7], data: randomData([7], 1) }]);
    await checkGradients(run, [{ shape: [7, 3], data: randomData([7, 3], 1) }]);
    await checkGradients((x) => run(x.slice(1, 3, 1)), [{ shape: [7, 4], data: randomData([7, 4], 1) }]);
    await checkGradients((x) => run(x.slice(2, 3, 1)), [{ shape: [7, 4], data: randomData([7, 4], 1) }]);
  });

  test("large values do not overflow; NaN stays in its sequence and column", async () => {
    const x = tensor([1e30, 0, 1e30, Number.NaN, 1, 2], [3, 2]);
    const y = await segmentSoftmax(x, int32([0, 2, 3])).data();
    expect([...y]).toEqual([0.5, Number.NaN, 0.5, Number.NaN, 1, 1]);
  });

  test("misuse", async () => {
    const x = tensor(new Float32Array(4), [4]);
    expectCode(() => segmentSoftmax(x, int32([0, 3])), "ERR_ARGUMENT", "offsets");
    expectCode(() => segmentSoftmax(x, x), "ERR_DTYPE", "offsets");
    expectCode(() => segmentSoftmax(x, tensor(new Int32Array(4), [2, 2])), "ERR_SHAPE", "offsets");
    expectCode(() => segmentSoftmax(x, tensor(new Int32Array(0), [0])), "ERR_SHAPE", "offsets");
    expectCode(() => segmentSoftmax(int32([1, 2]), int32([0, 2])), "ERR_DTYPE", "x must be");
    expectCode(() => segmentSoftmax(tensor([1], [1, 1, 1]), int32([0, 1])), "ERR_SHAPE", "x must have");
    const late = int32([0, 4]);
    late.set(Int32Array.of(0, 5));
    await expectCodeAsync(segmentSoftmax(x, late).data(), "ERR_DATA", "offsets");
  });
});
