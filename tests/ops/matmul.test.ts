import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { matmul, slice } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, expectClose, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;
const flags = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
];

/** Shapes of the factors of (batch..., m, k) x (batch..., k, n) as they are stored. */
function shapes(lead: number[], m: number, k: number, n: number, [ta, tb]: boolean[]) {
  return [
    [...lead, ...(ta ? [k, m] : [m, k])],
    [...lead, ...(tb ? [n, k] : [k, n])],
  ];
}

function reference(
  a: Float32Array,
  b: Float32Array,
  batch: number,
  m: number,
  k: number,
  n: number,
  [ta, tb]: boolean[],
) {
  const c = new Float64Array(batch * m * n);
  for (let i = 0; i < batch; i++) {
    for (let r = 0; r < m; r++) {
      for (let s = 0; s < n; s++) {
        let sum = 0;
        for (let t = 0; t < k; t++) {
          sum += a[i * m * k + (ta ? t * m + r : r * k + t)] * b[i * k * n + (tb ? s * k + t : t * n + s)];
        }
        c[(i * m + r) * n + s] = sum;
      }
    }
  }
  return c;
}

afterAll(() => setThreads(2));

describe("matmul", () => {
  const cases: [number[], number, number, number][] = [
    [[], 0, 3, 4],
    [[], 3, 0, 4],
    [[], 3, 4, 0],
    [[0], 3, 4, 2],
    [[], 1, 1, 1],
    [[], 33, 17, 65],
    [[7], 5, 9, 3],
    [[2, 3], 4, 1, 6],
    [[2, 12], 33, 16, 33],
    [[2], 260, 260, 260], // too large to be left to one worker
  ];
  for (const [lead, m, k, n] of cases) {
    test(`(${[...lead, m, k]}) x (${[...lead, k, n]}), all four storages`, () => {
      for (const flag of flags) {
        const [sa, sb] = shapes(lead, m, k, n, flag);
        const [a, b] = [randomData(sa, 1), randomData(sb, 2)];
        const y = matmul(tensor(a, sa), tensor(b, sb), { transposeA: flag[0], transposeB: flag[1] });
        expect(y.shape).toEqual([...lead, m, n]);
        const batch = lead.reduce((p, d) => p * d, 1);
        expectClose(
          bits(y),
          reference(a, b, batch, m, k, n, flag),
          4e-7 * Math.sqrt(Math.max(k, 16)),
          `${flag}`,
        );
      }
    });
  }

  for (const flag of flags) {
    test(`gradients, transposed ${flag}: central differences`, async () => {
      for (const lead of [[], [3], [2, 2]]) {
        const [sa, sb] = shapes(lead, 3, 4, 2, flag);
        await checkGradients(
          (a, b) => matmul(a, b, { transposeA: flag[0], transposeB: flag[1] }),
          [
            { shape: sa, data: randomData(sa, 1) },
            { shape: sb, data: randomData(sb, 2) },
          ],
        );
      }
    });
  }

  test("a tensor times itself: both gradients arrive", async () => {
    await checkGradients((a) => matmul(a, a), [{ shape: [3, 3], data: randomData([3, 3], 1) }]);
  });

  test("ranges of columns are read in place", () => {
    const wide = tensor(randomData([5, 12], 1), [5, 12]);
    const [a, b] = [slice(wide, 1, 5, 1), slice(wide, 6, 10, 1)];
    const copy = (t: Tensor) => tensor(bits(t), t.shape);
    const options = { transposeB: true };
    expectSameBits(bits(matmul(a, b, options)), bits(matmul(copy(a), copy(b), options)), "y");
  });

  test("the same bits again, and with one thread", () => {
    const run = () => {
      const a = tensor(randomData([6, 70, 50], 1), [6, 70, 50], { requiresGrad: true });
      const y = matmul(a, tensor(randomData([6, 50, 40], 2), [6, 50, 40]));
      y.backward(tensor(randomData([6, 70, 40], 3), [6, 70, 40]));
      return [bits(y), bits(a.grad)];
    };
    setThreads(2);
    const first = run();
    const again = run();
    setThreads(1);
    const alone = run();
    for (const i of [0, 1]) {
      expectSameBits(again[i], first[i], "again");
      expectSameBits(alone[i], first[i], "one thread");
    }
  });

  const t = (...shape: number[]) => tensor(randomData(shape, 1), shape);
  test.each<[string, () => unknown, string, string]>([
    ["inner sizes", () => matmul(t(2, 3), t(4, 5)), "ERR_SHAPE", "b must be (3, 5), got (4, 5)"],
    ["inner sizes, transposed", () => matmul(t(2, 3), t(3, 5), { transposeB: true }), "ERR_SHAPE", "b must"],
    ["leading sizes", () => matmul(t(2, 2, 3), t(3, 3, 5)), "ERR_SHAPE", "b must"],
    ["ranks", () => matmul(t(2, 2, 3), t(3, 5)), "ERR_SHAPE", "b must"],
    ["a vector", () => matmul(t(3), t(3, 5)), "ERR_SHAPE", "a must"],
    ["i32", () => matmul(tensor(new Int32Array(6), [2, 3]), t(3, 5)), "ERR_DTYPE", "a must"],
    ["i32 b", () => matmul(t(2, 3), tensor(new Int32Array(6), [3, 2])), "ERR_DTYPE", "b must"],
    ["no tensor", () => matmul(t(2, 3), 3 as never), "ERR_ARGUMENT", "b must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
