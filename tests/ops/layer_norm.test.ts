import { describe, expect, test } from "@jest/globals";
import { layerNorm } from "../../src/tensor/ops/norm.js";
import { Generator } from "../../src/tensor/random.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";
import { dropoutFactor } from "../support/philox.js";

const cases = await fixtureCases("layernorm");

// Values and gradients in float64, by the formulas as they stand. s = x + residual * mask.
function reference(
  s: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
  eps: number,
) {
  const width = weight.length;
  const y = new Float64Array(s.length);
  for (let at = 0; at < s.length; at += width) {
    const row = Array.from({ length: width }, (_, c) => s[at + c]);
    const mean = row.reduce((sum, v) => sum + v, 0) / width;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
    row.forEach((v, c) => {
      y[at + c] = ((v - mean) / Math.sqrt(variance + eps)) * weight[c] + (bias ? bias[c] : 0);
    });
  }
  return y;
}

describe("layer_norm against PyTorch", () => {
  test.each(cases.map((c) => [c.case, c] as const))("%s", async (_, c) => {
    const leaf = (name: string) => {
      const { data, shape } = c.tensors.get(name) as { data: Float32Array; shape: number[] };
      return tensor(data, shape, { requiresGrad: true });
    };
    const [x, weight, bias] = ["x", "weight", "bias"].map(leaf);
    const y = layerNorm(x, weight, bias, { eps: c.meta.eps });
    expectClose(await y.data(), c.tensors.get("output")!.data, fixtureTolerance(c), "output");
    const upstream = c.tensors.get("upstream")!;
    y.backward(tensor(upstream.data, upstream.shape));
    for (const [name, t] of Object.entries({ x, weight, bias })) {
      expectClose(
        await t.grad!.data(),
        c.tensors.get(`grad.${name}`)!.data,
        fixtureTolerance(c),
        `grad.${name}`,
      );
    }
  });
});

describe("layer_norm", () => {
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
    const [x, r] = [randomData(shape, 1), randomData(shape, 2)];
    const [weight, bias] = [randomData([width], 3), randomData([width], 4)];
    const p = 0.25;
    const s = x.map((v, i) => v + r[i] * dropoutFactor(11, 0, i, p));
    const { output, sum } = layerNorm(tensor(x, shape), tensor(weight, [width]), tensor(bias, [width]), {
      residual: tensor(r, shape),
      dropout: p,
      returnSum: true,
      generator: new Generator(11),
    });
    expectClose(await sum.data(), s, 2e-7, "sum");
    expectClose(await output.data(), reference(s, weight, bias, 1e-5), 2e-6, "output");
  });

  test("any leading shape, rank 1 to 4, and no bias", async () => {
    const x = randomData([2, 3, 2, 5], 1);
    const weight = randomData([5], 2);
    const expected = reference(x, weight, null, 1e-12);
    for (const shape of [
      [2, 3, 2, 5],
      [6, 2, 5],
      [12, 5],
    ]) {
      const y = layerNorm(tensor(x, shape), tensor(weight, [5]), null, { eps: 1e-12 });
      expect(y.shape).toEqual(shape);
      expectClose(await y.data(), expected, 2e-6, `shape ${shape}`);
    }
    const row = layerNorm(tensor(x.subarray(0, 5), [5]), tensor(weight, [5]), null, { eps: 1e-12 });
    expectClose(await row.data(), expected.subarray(0, 5), 2e-6, "rank 1");
  });

  test("ranges of columns are read in place", async () => {
    const [wide, other] = [randomData([7, 20], 1), randomData([7, 9], 2)];
    const weight = randomData([6], 3);
    const s: number[] = [];
    for (let i = 0; i < 7; i++)
      for (let c = 0; c < 6; c++) s.push(wide[i * 20 + 5 + c] + other[i * 9 + 1 + c]);
    const y = layerNorm(tensor(wide, [7, 20]).slice(5, 11, 1), tensor(weight, [6]), null, {
      residual: tensor(other, [7, 9]).slice(1, 7, 1),
    });
    expectClose(await y.data(), reference(s, weight, null, 1e-5), 2e-6, "y");
  });

  const inputs = [
    { shape: [5, 6], data: randomData([5, 6], 1) },
    { shape: [5, 6], data: randomData([5, 6], 2) },
    { shape: [6], data: randomData([6], 3) },
    { shape: [6], data: randomData([6], 4) },
  ];

  test.each([0, 0.4])("gradients with residual, dropout %d", async (dropout) => {
    const run = (x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor) =>
      layerNorm(x, weight, bias, { residual, dropout, generator: new Generator(5) });
    await checkGradients(run, inputs);
    for (const wrt of [[0], [1], [2], [3], [1, 2]]) await checkGradients(run, inputs, { wrt });
  });

  // Both outputs of one call, stacked by adding them with different factors through a second norm.
  test.each([0, 0.4])("the sum's gradient adds to that of the output, dropout %d", async (dropout) => {
    const run = (x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor) => {
      const options = { residual, dropout, returnSum: true as const, generator: new Generator(5) };
      const { output, sum } = layerNorm(x, weight, bias, options);
      return layerNorm(output, weight, bias, { residual: sum });
    };
    await checkGradients(run, inputs);
    const sumOnly = (x: Tensor, residual: Tensor) => {
      const [weight, bias] = [tensor(inputs[2].data, [6]), tensor(inputs[3].data, [6])];
      return layerNorm(x, weight, bias, { residual, dropout, returnSum: true, generator: new Generator(5) })
        .sum;
    };
    await checkGradients(sumOnly, inputs.slice(0, 2));
  });

  test("returnSum without a residual gives x", async () => {
    const run = (x: Tensor, weight: Tensor) => {
      const { output, sum } = layerNorm(x, weight, null, { returnSum: true });
      return layerNorm(output, weight, null, { residual: sum });
    };
    await checkGradients(run, [inputs[0], inputs[2]]);
  });

  test("large sizes: gradients of weight and bias over many blocks, the same bits twice", async () => {
    const [rows, width] = [3001, 70];
    const [x, dy] = [randomData([rows, width], 1), randomData([rows, width], 2)];
    const weight = randomData([width], 3);
    const runs = [0, 1].map(() => {
      const w = tensor(weight, [width], { requiresGrad: true });
      const b = tensor(new Float32Array(width), [width], { requiresGrad: true });
      const y = layerNorm(tensor(x, [rows, width]), w, b);
      y.backward(tensor(dy, [rows, width]));
      return [w.grad!.dataSync(), b.grad!.dataSync(), y.dataSync()];
    });
    for (const i of [0, 1, 2]) expectSameBits(runs[0][i], runs[1][i], `run ${i}`);
    const normal = reference(x, new Float32Array(width).fill(1), null, 1e-5);
    const [dweight, dbias] = [new Float64Array(width), new Float64Array(width)];
    for (let i = 0; i < dy.length; i++) {
      dweight[i % width] += dy[i] * normal[i];
      dbias[i % width] += dy[i];
    }
    expectClose(runs[0][0], dweight, 2e-6, "dweight");
    expectClose(runs[0][1], dbias, 2e-6, "dbias");
  });

  test("NaN stays in its row", async () => {
    const y = await layerNorm(tensor([1, Number.NaN, 1, 3], [2, 2]), tensor([1, 1], [2]), null).data();
    expect([...y].map(Number.isNaN)).toEqual([true, true, false, false]);
  });

  test("misuse", () => {
    const x = tensor(new Float32Array(6), [2, 3]);
    const [one, two] = [tensor([1, 1, 1], [3]), tensor([1, 1], [2])];
    const whole = tensor([1, 1, 1], [3], { dtype: "i32" });
    expectCode(() => layerNorm(x, two), "ERR_SHAPE", "layer_norm: weight must be (3), got (2)");
    expectCode(() => layerNorm(x, one, two), "ERR_SHAPE", "bias must be (3)");
    expectCode(() => layerNorm(x, one, null, { residual: one }), "ERR_SHAPE", "residual must have the shape");
    expectCode(() => layerNorm(x, whole), "ERR_DTYPE", "weight must be f32");
    expectCode(() => layerNorm(x, one, whole), "ERR_DTYPE", "bias must be f32");
    expectCode(() => layerNorm(whole, one), "ERR_DTYPE", "x must be f32");
    expectCode(() => layerNorm(tensor([1], []), tensor([1], [1])), "ERR_SHAPE", "x must have");
    expectCode(() => layerNorm(x, one, null, { eps: -1 }), "ERR_ARGUMENT", "eps");
    expectCode(() => layerNorm(x, one, null, { dropout: 1, residual: x }), "ERR_ARGUMENT", "dropout");
    expectCode(() => layerNorm(x, null as never), "ERR_ARGUMENT", "weight");
  });
});
