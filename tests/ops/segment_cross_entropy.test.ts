import { describe, expect, test } from "@jest/globals";
import { segmentCrossEntropy } from "../../src/tensor/ops/segment.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";

const int32 = (values: number[]) => tensor(Int32Array.from(values), [values.length]);
const cases = (await fixtureCases("cross_entropy")).filter(
  (c) => c.meta.reduction === "mean" && c.meta.label_smoothing === 0,
);

describe("segment_cross_entropy against PyTorch's cross entropy, a row of the fixture as a sequence", () => {
  test.each(cases.map((c) => [c.case, c] as const))("%s", async (_, c) => {
    const { data, shape } = c.tensors.get("logits")!;
    const [rows, width] = shape;
    const logits = tensor(data, [rows * width], { requiresGrad: true });
    const offsets = int32(Array.from({ length: rows + 1 }, (_, i) => i * width));
    const loss = segmentCrossEntropy(logits, offsets, int32(Array.from(c.tensors.get("labels")!.data)));
    expect(loss.shape).toEqual([]);
    expectClose(await loss.data(), c.tensors.get("loss")!.data, fixtureTolerance(c), "loss");
    loss.backward();
    expectClose(await logits.grad!.data(), c.tensors.get("grad.logits")!.data, fixtureTolerance(c), "grad");
  });
});

describe("segment_cross_entropy", () => {
  const offsets = [0, 3, 3, 4, 9, 11];
  const logits = randomData([11], 1, 2);

  function reference(labels: number[]): number {
    const losses: number[] = [];
    labels.forEach((label, b) => {
      if (label < 0 || label >= offsets[b + 1] - offsets[b]) return;
      const values = [...logits.subarray(offsets[b], offsets[b + 1])];
      losses.push(Math.log(values.reduce((total, v) => total + Math.exp(v), 0)) - values[label]);
    });
    return losses.reduce((total, v) => total + v, 0) / losses.length;
  }

  test.each([
    [[0, 0, 0, 0, 0]],
    [[2, -100, 0, 4, 1]],
    [[3, 0, -1, 4, 99]], // outside its sequence: not counted
  ])("labels %j", async (labels) => {
    const loss = segmentCrossEntropy(tensor(logits, [11]), int32(offsets), int32(labels));
    expectClose(await loss.data(), [reference(labels)], 2e-6, "loss");
    const run = (x: Tensor) => segmentCrossEntropy(x, int32(offsets), int32(labels));
    await checkGradients(run, [{ shape: [11], data: logits }]);
  });

  test("ignoreIndex may be a position", async () => {
    const loss = segmentCrossEntropy(tensor(logits, [11]), int32(offsets), int32([0, 0, 0, 2, 1]), {
      ignoreIndex: 0,
    });
    expectClose(await loss.data(), [reference([-1, -1, -1, 2, 1])], 2e-6, "loss");
  });

  test("none counted: NaN, gradient 0", async () => {
    for (const labels of [
      [-100, -100, -100, -100, -100],
      [3, 0, 1, 5, 2],
    ]) {
      const x = tensor(logits, [11], { requiresGrad: true });
      const loss = segmentCrossEntropy(x, int32(offsets), int32(labels));
      expect(await loss.item()).toBeNaN();
      loss.backward();
      expect([...(await x.grad!.data())]).toEqual(new Array(11).fill(0));
    }
    const nothing = segmentCrossEntropy(tensor([], [0]), int32([0]), int32([]));
    expect(await nothing.item()).toBeNaN();
  });

  test("large and far apart logits", async () => {
    const loss = segmentCrossEntropy(tensor([1000, 0, -1000, 3], [4]), int32([0, 3, 4]), int32([1, 0]));
    expectClose(await loss.data(), [500], 1e-6, "loss");
  });

  test("misuse", async () => {
    const x = tensor(logits, [11]);
    const labels = int32([0, 0, 0, 0, 0]);
    expectCode(() => segmentCrossEntropy(x, int32(offsets), int32([0])), "ERR_SHAPE", "labels must be (5)");
    expectCode(
      () => segmentCrossEntropy(x, int32(offsets), tensor(logits.subarray(0, 5), [5])),
      "ERR_DTYPE",
      "labels",
    );
    expectCode(() => segmentCrossEntropy(x, int32([0, 5]), int32([0])), "ERR_ARGUMENT", "offsets");
    expectCode(() => segmentCrossEntropy(x.reshape([11, 1]), int32(offsets), labels), "ERR_SHAPE", "logits");
    expectCode(
      () => segmentCrossEntropy(x, int32(offsets), labels, { ignoreIndex: 0.5 }),
      "ERR_ARGUMENT",
      "ignoreIndex",
    );
    const late = int32(offsets);
    late.set(Int32Array.of(0, 5, 3, 4, 9, 11));
    await expectCodeAsync(segmentCrossEntropy(x, late, labels).data(), "ERR_DATA", "never decrease");
  });
});
