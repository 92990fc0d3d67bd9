import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { gatherRows, slice } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  randomData,
  randomIntegers,
} from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;
const ints = (data: ArrayLike<number>) => tensor(Int32Array.from(data), [data.length]);
afterAll(() => setThreads(2));

describe("gather_rows", () => {
  const cases: [number[], number][] = [
    [[1], 1],
    [[7], 20],
    [[5, 3], 0],
    [[5, 0], 4],
    [[70, 129], 333],
    [[9, 2, 5], 6],
    [[4, 3, 1, 2], 9],
    [[300, 64], 150],
  ];
  for (const [shape, count] of cases) {
    test(`x (${shape}), ${count} rows`, () => {
      const inner = shape.slice(1).reduce((n, d) => n * d, 1);
      const data = randomData(shape, 1);
      const index = randomIntegers([count], 2, 0, shape[0]);
      const upstream = randomData([count, ...shape.slice(1)], 3);
      const expected = new Float32Array(count * inner);
      const gradient = new Float64Array(shape[0] * inner);
      for (let i = 0; i < count; i++) {
        for (let c = 0; c < inner; c++) {
          expected[i * inner + c] = data[index[i] * inner + c];
          gradient[index[i] * inner + c] += upstream[i * inner + c];
        }
      }
      const x = tensor(data, shape, { requiresGrad: true });
      const y = gatherRows(x, ints(index));
      expect(y.shape).toEqual([count, ...shape.slice(1)]);
      y.backward(tensor(upstream, y.shape));
      expectSameBits(bits(y), expected, "y");
      expectClose(bits(x.grad), gradient, 1e-6, "dx");
    });
  }

  test("central differences", async () => {
    const index = ints([2, 0, 2, 2]);
    await checkGradients((x) => gatherRows(x, index), [{ shape: [3, 4], data: randomData([3, 4], 1) }]);
  });

  test("every dtype; a range of columns is read in place", () => {
    for (const dtype of ["i32", "i8", "u8", "bf16"] as const) {
      const x = tensor([1, 2, 3, 4, 5, 6], [3, 2], { dtype });
      const y = gatherRows(x, ints([2, 0]));
      expect(y.dtype).toBe(dtype);
      expect([...y.dataSync()]).toEqual([5, 6, 1, 2]);
    }
    const columns = slice(tensor([1, 2, 3, 4, 5, 6], [2, 3], { requiresGrad: true }), 1, 3, 1);
    expect([...bits(gatherRows(columns, ints([1, 1, 0])))]).toEqual([5, 6, 5, 6, 2, 3]);
  });

  test("the same bits again, and with one thread", () => {
    const run = () => {
      const x = tensor(randomData([10, 150], 2), [10, 150], { requiresGrad: true });
      gatherRows(x, ints(randomIntegers([900], 1, 0, 10))).backward(
        tensor(randomData([900, 150], 3), [900, 150]),
      );
      return bits(x.grad);
    };
    setThreads(2);
    const first = run();
    expectSameBits(run(), first, "again");
    setThreads(1);
    expectSameBits(run(), first, "one thread");
  });

  test("an index outside is ERR_DATA", async () => {
    const x = tensor([1, 2, 3, 4], [2, 2]);
    await expectCodeAsync(
      gatherRows(x, ints([0, 2])).data(),
      "ERR_DATA",
      "gather_rows: index 2 outside 0..1",
    );
    await expectCodeAsync(gatherRows(x, ints([-1])).data(), "ERR_DATA", "gather_rows: index -1 outside 0..1");
  });

  const x = () => tensor([1, 2, 3, 4], [2, 2]);
  test.each<[string, () => unknown, string, string]>([
    ["scalar x", () => gatherRows(tensor([1], []), ints([0])), "ERR_SHAPE", "x must"],
    ["index f32", () => gatherRows(x(), tensor([0], [1])), "ERR_DTYPE", "index must"],
    ["index rank", () => gatherRows(x(), tensor(new Int32Array(1), [1, 1])), "ERR_SHAPE", "index must"],
    ["no tensor", () => gatherRows(x(), [0] as never), "ERR_ARGUMENT", "index must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
