import { describe, expect, test } from "@jest/globals";
import { dropout } from "../../src/tensor/ops/norm.js";
import { Generator } from "../../src/tensor/random.js";
import { tensor } from "../../src/tensor/tensor.js";
import { checkGradients, expectClose, expectCode, expectSameBits, randomData } from "../support/ops.js";
import { dropoutFactor } from "../support/philox.js";

describe("dropout", () => {
  test.each([0, 1, 3, 4, 5, 17, 31, 33, 1000, 20001])("%d elements: the mask is Philox's", async (n) => {
    const x = randomData([n], 1);
    const [seed, call, p] = [2 ** 40 + 5, 3, 0.3];
    const y = await dropout(tensor(x, [n]), p, { generator: new Generator(seed, call) }).data();
    const expected = Array.from(x, (v, i) => v * dropoutFactor(seed, call, i, p));
    expectClose(y, expected, 2e-7, "y");
  });

  test("drops the share p, and differs from call to call", async () => {
    const generator = new Generator(1);
    const ones = tensor(new Float32Array(100000).fill(1), [100000]);
    const first = Array.from(await dropout(ones, 0.1, { generator }).data());
    const second = Array.from(await dropout(ones, 0.1, { generator }).data());
    expect(first.filter((v) => v === 0).length / first.length).toBeCloseTo(0.1, 2);
    expect(first.reduce((sum, v) => sum + v, 0) / first.length).toBeCloseTo(1, 2);
    expect(second).not.toEqual(first);
    const again = await dropout(ones, 0.1, { generator: new Generator(1) }).data();
    expectSameBits(again, first, "same generator");
  });

  test("gradient has the mask of the forward pass, also for a range of columns", async () => {
    const run = (x: ReturnType<typeof tensor>) =>
      dropout(x.slice(1, 5, 1), 0.4, { generator: new Generator(9) });
    await checkGradients(run, [{ shape: [6, 7], data: randomData([6, 7], 3) }]);
  });

  test("p = 0 changes nothing and draws nothing", async () => {
    const generator = new Generator(1);
    const x = tensor([1, Number.NaN, 3], [3], { requiresGrad: true });
    const y = dropout(x, 0, { generator });
    expect(await y.data()).toEqual(Float32Array.of(1, Number.NaN, 3));
    expect(generator.calls).toBe(0);
    y.backward(tensor([1, 2, 3], [3]));
    expect(await x.grad?.data()).toEqual(Float32Array.of(1, 2, 3));
  });

  test("misuse", () => {
    const x = tensor([1, 2], [2]);
    expectCode(() => dropout(x, 1), "ERR_ARGUMENT", "p must be");
    expectCode(() => dropout(x, -0.1), "ERR_ARGUMENT", "p must be");
    expectCode(() => dropout(x, Number.NaN), "ERR_ARGUMENT", "p must be");
    expectCode(() => dropout(tensor([1], [1], { dtype: "i32" }), 0.5), "ERR_DTYPE", "x must be f32");
    const gone = tensor([1], [1]);
    gone.dispose();
    expectCode(() => dropout(gone, 0.5), "ERR_DISPOSED", "x");
  });
});
