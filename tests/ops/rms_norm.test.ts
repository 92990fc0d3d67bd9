import { describe, expect, test } from "@jest/globals";
import { rmsNorm } from "../../src/tensor/ops/norm.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";
import { dropoutFactor } from "../support/philox.js";

const cases = await fixtureCases("rmsnorm");

// The formula in float64. s = x + residual * mask.
function reference(s: ArrayLike<number>, weight: ArrayLike<number>, eps: number): Float64Array {
  const width = weight.length;
  const y = new Float64Array(s.length);
  for (let at = 0; at < s.length; at += width) {
    let squares = 0;
    for (let c = 0; c < width; c++) squares += s[at + c] ** 2;
    const spread = 1 / Math.sqrt(squares / width + eps);
    for (let c = 0; c < width; c++) y[at + c] = s[at + c] * spread * weight[c];
  }
  return y;
}

test.each(cases.map((c) => [c.case, c] as const))("rms_norm, PyTorch 2.13.0: %s", (_, c) => {
  const get = (name: string) => c.tensors.get(name)!;
  const result = evaluate(
    (x, weight) => rmsNorm(x, weight, { eps: c.meta.eps }),
    [get("x"), get("weight")],
    get("upstream").data,
  );
  expectClose(result.output, get("output").data, fixtureTolerance(c), "output");
  expectClose(result.gradients[0]!, get("grad.x").data, fixtureTolerance(c), "grad.x");
  expectClose(result.gradients[1]!, get("grad.weight").data, fixtureTolerance(c), "grad.weight");
});

describe("rms_norm", () => {
  test.each([
    [0, 5],
    [1, 1],
    [1, 3],
    [3, 17],
    [33, 31],
    [129, 768],
    [2500, 40],
  ])("(%d, %d) with residual and dropout against a float64 loop", async (rows, width) => {
    const shape = [rows, width];
    const [x, r, weight] = [randomData(shape, 1), randomData(shape, 2), randomData([width], 3)];
    const p = 0.25;
    const s = x.map((v, i) => v + r[i] * dropoutFactor(11, 0, i, p));
    const { output, sum } = rmsNorm(tensor(x, shape), tensor(weight, [width]), {
      residual: tensor(r, shape),
      dropout: p,
      returnSum: true,
      generator: new Generator(11),
    });
    expectClose(await sum.data(), s, 2e-7, "sum");
    expectClose(await output.data(), reference(s, weight, 1e-6), 2e-6, "output");
  });

  test("any leading shape, any eps; a range of columns is read in place", async () => {
    const [wide, weight] = [randomData([8, 12], 1), randomData([6], 2)];
    const narrow = Float32Array.from({ length: 48 }, (_, i) => wide[Math.floor(i / 6) * 12 + 3 + (i % 6)]);
    for (const eps of [0, 1e-12, 0.5]) {
      const expected = reference(narrow, weight, eps);
      for (const shape of [
        [2, 2, 2, 6],
        [4, 2, 6],
        [8, 6],
      ]) {
        const y = rmsNorm(tensor(narrow, shape), tensor(weight, [6]), { eps });
        expect(y.shape).toEqual(shape);
        expectClose(await y.data(), expected, 2e-6, `shape ${shape}, eps ${eps}`);
      }
      const range = rmsNorm(tensor(wide, [8, 12]).slice(3, 9, 1), tensor(weight, [6]), { eps });
      expectClose(await range.data(), expected, 2e-6, "range");
    }
  });

  const inputs = [
    { shape: [5, 6], data: randomData([5, 6], 1) },
    { shape: [5, 6], data: randomData([5, 6], 2) },
    { shape: [6], data: randomData([6], 3) },
  ];

  test.each([0, 0.4])("gradients with residual, dropout %d", async (dropout) => {
    const run = (x: Tensor, residual: Tensor, weight: Tensor) =>
      rmsNorm(x, weight, { residual, dropout, generator: new Generator(5) });
    await checkGradients(run, inputs);
    for (const wrt of [[0], [1], [2], [1, 2]]) await checkGradients(run, inputs, { wrt });
  });

  test.each([0, 0.4])("the sum's gradient adds to that of the output, dropout %d", async (dropout) => {
    await checkGradients((x: Tensor, residual: Tensor, weight: Tensor) => {
      const options = { residual, dropout, returnSum: true as const, generator: new Generator(5) };
      const { output, sum } = rmsNorm(x, weight, options);
      return rmsNorm(output, weight, { residual: sum });
    }, inputs);
    await checkGradients(
      (x: Tensor, weight: Tensor) => {
        const { output, sum } = rmsNorm(x, weight, { returnSum: true });
        return rmsNorm(output, weight, { residual: sum });
      },
      [inputs[0], inputs[2]],
    );
  });

  test("large: the weight's gradient over many blocks, the same bits twice", () => {
    const [rows, width] = [3001, 70];
    const [x, dy, weight] = [
      randomData([rows, width], 1),
      randomData([rows, width], 2),
      randomData([width], 3),
    ];
    const run = () =>
      evaluate(
        (a, w) => rmsNorm(a, w),
        [
          { shape: [rows, width], data: x },
          { shape: [width], data: weight },
        ],
        dy,
      );
    const [first, second] = [run(), run()];
    expectSameBits(first.output, second.output, "output");
    for (const i of [0, 1]) expectSameBits(first.gradients[i]!, second.gradients[i]!, `gradient ${i}`);
    const normal = reference(x, new Float32Array(width).fill(1), 1e-6);
    const dweight = new Float64Array(width);
    for (let i = 0; i < dy.length; i++) dweight[i % width] += dy[i] * normal[i];
    expectClose(first.gradients[1]!, dweight, 2e-6, "dweight");
  });

  test("NaN stays in its row; a row of zeros gives zeros", async () => {
    const y = await rmsNorm(tensor([1, Number.NaN, 0, 0], [2, 2]), tensor([1, 1], [2])).data();
    expect([...y]).toEqual([Number.NaN, Number.NaN, 0, 0]);
  });

  test("misuse", () => {
    const x = tensor(new Float32Array(6), [2, 3]);
    const [one, two] = [tensor([1, 1, 1], [3]), tensor([1, 1], [2])];
    const whole = tensor([1, 1, 1], [3], { dtype: "i32" });
    expectCode(() => rmsNorm(x, two), "ERR_SHAPE", "rms_norm: weight must be (3), got (2)");
    expectCode(() => rmsNorm(x, one, { residual: one }), "ERR_SHAPE", "residual must have the shape");
    expectCode(() => rmsNorm(x, whole), "ERR_DTYPE", "weight must be f32");
    expectCode(() => rmsNorm(whole, one), "ERR_DTYPE", "x must be f32");
    expectCode(() => rmsNorm(tensor([1], []), tensor([1], [1])), "ERR_SHAPE", "x must have");
    expectCode(() => rmsNorm(x, one, { eps: -1 }), "ERR_ARGUMENT", "eps");
    expectCode(() => rmsNorm(x, one, { dropout: 1, residual: x }), "ERR_ARGUMENT", "dropout");
    expectCode(() => rmsNorm(x, null as never), "ERR_ARGUMENT", "weight");
  });
});
