// reshape: a view with a gradient of the old shape.
import { describe, expect, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectCode } from "../support/ops.js";

describe("reshape", () => {
  const six = () => tensor([1, 2, 3, 4, 5, 6], [2, 3]);

  test("keeps the elements and works out one size", async () => {
    const x = six();
    const shapes = [
      { wanted: [3, 2], made: [3, 2] },
      { wanted: [-1], made: [6] },
      { wanted: [1, 2, -1, 1], made: [1, 2, 3, 1] },
      { wanted: [-1, 6], made: [1, 6] },
    ];
    for (const { wanted, made } of shapes) {
      const y = x.reshape(wanted);
      expect(y.shape).toEqual(made);
      expect(Array.from(await y.data())).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  test("scalars and empty tensors", async () => {
    expect(tensor([7], [1, 1]).reshape([]).shape).toEqual([]);
    expect(tensor([7], []).reshape([1]).shape).toEqual([1]);
    expect(tensor([], [0, 3]).reshape([3, 0]).shape).toEqual([3, 0]);
    expectCode(() => tensor([], [0, 3]).reshape([0, -1]), "ERR_SHAPE", /do not divide by 0/);
  });

  test("a range of columns becomes whole rows", async () => {
    const y = six().slice(1, 3, 1).reshape([4]);
    expect(Array.from(await y.data())).toEqual([2, 3, 5, 6]);
  });

  test("is a view: what is written to one is seen in the other", async () => {
    const x = six();
    const y = x.reshape([6]);
    x.set([6, 5, 4, 3, 2, 1]);
    expect(Array.from(await y.data())).toEqual([6, 5, 4, 3, 2, 1]);
  });

  test("the gradient has the shape of the input", async () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3], { requiresGrad: true });
    scope(() => ops.sum(ops.mul(x.reshape([3, 2]), tensor([1, 2, 3, 4, 5, 6], [3, 2]))).backward());
    expect(x.grad!.shape).toEqual([2, 3]);
    expect(Array.from(await x.grad!.data())).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test.each([
    [[4], /must have the 6 elements of \(2, 3\), got \(4\)/],
    [[-1, -1], /at most one -1/],
    [[4, -1], /6 elements of \(2, 3\) do not divide by 4/],
    [[1, 1, 1, 1, 6], /at most 4 dimensions, got 5/],
  ])("%j is refused", (shape, message) => {
    expectCode(() => six().reshape(shape), "ERR_SHAPE", message);
  });

  test("sizes that are no integers", () => {
    expectCode(() => six().reshape([1.5, 4]), "ERR_ARGUMENT", /shape must be an integer, got 1.5/);
    expectCode(() => six().reshape([-2, -3]), "ERR_ARGUMENT", /shape must be -1 to/);
    expectCode(() => six().reshape(6 as never), "ERR_ARGUMENT", /array of integers/);
  });
});
