import { describe, expect, test } from "@jest/globals";
import { add, mul } from "../../src/tensor/ops/elementwise.js";
import { embedding, linear } from "../../src/tensor/ops/linear.js";
import {
  crossEntropy,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
  type Reduction,
} from "../../src/tensor/ops/loss.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
  randomIntegers,
  uniform,
} from "../support/ops.js";

const reductions: Reduction[] = ["mean", "sum", "none"];

interface Problem {
  rows: number;
  width: number;
  classes: number;
  x: Float32Array;
  weight: Float32Array;
  bias: Float32Array;
  labels: Int32Array;
  smoothing: number;
  scale: number;
}

function problem(rows: number, width: number, classes: number, ignored: number, smoothing = 0): Problem {
  const skip = uniform(rows + 5);
  return {
    rows,
    width,
    classes,
    x: randomData([rows, width], 1),
    weight: randomData([classes, width], 2),
    bias: randomData([classes], 3),
    labels: randomIntegers([rows], 4, 0, classes).map((t) => (skip() < ignored ? -100 : t)),
    smoothing,
    scale: 0.5,
  };
}

// Everything in float64 as written: logits, softmax, the gradient of the logits, three products.
function reference(p: Problem, reduction: Reduction, upstream: ArrayLike<number>) {
  const { rows, width, classes, smoothing: e, scale } = p;
  const losses = new Float64Array(rows);
  const dx = new Float64Array(p.x.length);
  const dweight = new Float64Array(p.weight.length);
  const dbias = new Float64Array(classes);
  const counted = p.labels.reduce((n, label) => n + (label === -100 ? 0 : 1), 0);
  const divisor = reduction === "mean" ? counted : 1;
  const z = new Float64Array(classes);
  for (let r = 0; r < rows; r++) {
    const label = p.labels[r];
    if (label === -100) continue;
    for (let c = 0; c < classes; c++) {
      let dot = 0;
      for (let i = 0; i < width; i++) dot += p.x[r * width + i] * p.weight[c * width + i];
      z[c] = scale * dot + p.bias[c];
    }
    const max = z.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
    const logSum = max + Math.log(z.reduce((s, v) => s + Math.exp(v - max), 0));
    losses[r] = (1 - e) * (logSum - z[label]) + (e / classes) * z.reduce((s, v) => s + logSum - v, 0);
    const factor = (reduction === "none" ? upstream[r] : upstream[0]) / divisor;
    for (let c = 0; c < classes; c++) {
      const dz = factor * (Math.exp(z[c] - logSum) - e / classes - (c === label ? 1 - e : 0));
      dbias[c] += dz;
      for (let i = 0; i < width; i++) {
        dx[r * width + i] += scale * dz * p.weight[c * width + i];
        dweight[c * width + i] += scale * dz * p.x[r * width + i];
      }
    }
  }
  const sum = losses.reduce((s, v) => s + v, 0);
  return {
    loss: reduction === "none" ? losses : Float64Array.of(sum / divisor),
    gradients: [dx, dweight, dbias],
  };
}

const inputsOf = (p: Problem) => [
  { shape: [p.rows, p.width], data: p.x },
  { shape: [p.classes, p.width], data: p.weight },
  { shape: [p.classes], data: p.bias },
];

const lossOf =
  (p: Problem, options: LinearCrossEntropyOptions = {}) =>
  (x: Tensor, weight: Tensor, bias: Tensor) =>
    linearCrossEntropy(x, weight, tensor(p.labels, [p.rows]), {
      bias,
      scale: p.scale,
      labelSmoothing: p.smoothing,
      ...options,
    });

const names = ["dx", "dweight", "dbias"];

// The logits of cross_entropy's fixtures, as x times the unit matrix: every row, class, option and gradient.
test("linear_cross_entropy, PyTorch 2.13.0 fixtures of cross_entropy", async () => {
  for (const c of await fixtureCases("cross_entropy")) {
    const get = (name: string) => c.tensors.get(name)!;
    const { data, shape } = get("logits");
    const { ignore_index: ignoreIndex, label_smoothing: labelSmoothing, reduction } = c.meta;
    const unit = new Float32Array(shape[1] ** 2);
    for (let i = 0; i < shape[1]; i++) unit[i * (shape[1] + 1)] = 1;
    const labels = tensor(get("labels").data, get("labels").shape);
    const loss = (x: Tensor) =>
      linearCrossEntropy(x, tensor(unit, [shape[1], shape[1]]), labels, {
        ignoreIndex,
        labelSmoothing,
        reduction,
      });
    const result = evaluate(loss, [{ data: data as Float32Array, shape }], get("upstream").data);
    expectClose(result.output, get("loss").data, fixtureTolerance(c), `${c.case} loss`);
    expectClose(result.gradients[0]!, get("grad.logits").data, fixtureTolerance(c), `${c.case} grad.logits`);
  }
});

describe("linear_cross_entropy against float64", () => {
  // Sizes of one block and of several: a block is at least 256 columns, about a million logits.
  test.each([
    [1, 1, 1, 0],
    [1, 3, 2, 0],
    [5, 7, 33, 0.3],
    [40, 16, 1025, 0],
    [40, 16, 1025, 0.8],
    [9600, 3, 1000, 0.05], // more logits than are kept for backward
    [3, 8, 400_000, 0],
  ])("%d rows of %d, %d classes, %d ignored", (rows, width, classes, ignored) => {
    for (const smoothing of rows * classes > 100_000 ? [0.1] : [0, 0.1, 1]) {
      for (const reduction of rows * classes > 100_000 ? (["mean"] as const) : reductions) {
        const p = problem(rows, width, classes, ignored, smoothing);
        const upstream = reduction === "none" ? randomData([rows], 6) : [1.5];
        const result = evaluate(lossOf(p, { reduction }), inputsOf(p), upstream);
        const expected = reference(p, reduction, upstream);
        const label = `smoothing ${smoothing}, ${reduction}`;
        expect(result.shape).toEqual(reduction === "none" ? [rows] : []);
        expectClose(result.output, expected.loss, 2e-6, `${label} loss`);
        for (const i of [0, 1, 2]) {
          expectClose(result.gradients[i]!, expected.gradients[i], 4e-6, `${label} ${names[i]}`);
        }
        const again = evaluate(lossOf(p, { reduction }), inputsOf(p), upstream);
        expectSameBits(again.output, result.output, `${label} loss again`);
        for (const i of [0, 1, 2]) expectSameBits(again.gradients[i]!, result.gradients[i]!, names[i]);
      }
    }
  });

  test("gradients against differences, alone and together", async () => {
    const p = problem(6, 5, 9, 0.3, 0.2);
    for (const reduction of reductions) await checkGradients(lossOf(p, { reduction }), inputsOf(p));
    for (const wrt of [[0], [1], [2], [0, 2]]) await checkGradients(lossOf(p), inputsOf(p), { wrt });
  });

  test("a graph walked twice gives the gradient twice", async () => {
    const p = problem(20, 6, 50, 0.3);
    const [x, weight, bias] = inputsOf(p).map(({ data, shape }) =>
      tensor(data, shape, { requiresGrad: true }),
    );
    const loss = lossOf(p)(x, weight, bias);
    loss.backward(undefined, { retainGraph: true });
    const once = await Promise.all([x, weight, bias].map((leaf) => leaf.grad!.data()));
    loss.backward();
    for (const [i, leaf] of [x, weight, bias].entries()) {
      expectClose(
        await leaf.grad!.data(),
        Float32Array.from(once[i], (g) => 2 * g),
        1e-7,
        names[i],
      );
    }
  });

  test("is the composition that it replaces", () => {
    const p = problem(50, 24, 3000, 0.5, 0.1);
    const composed = evaluate(
      (x, weight, bias) => {
        const logits = add(mul(linear(x, weight), p.scale), bias);
        return crossEntropy(logits, tensor(p.labels, [p.rows]), { labelSmoothing: 0.1 });
      },
      inputsOf(p),
      [1],
    );
    const ours = evaluate(lossOf(p), inputsOf(p), [1]);
    expectClose(ours.output, composed.output, 5e-7, "loss");
    for (const i of [0, 1, 2]) expectClose(ours.gradients[i]!, composed.gradients[i]!, 2e-6, names[i]);
  });
});

describe("linear_cross_entropy: edges", () => {
  test("no rows, or none that counts: NaN, 0 and a gradient of 0", () => {
    for (const rows of [0, 3]) {
      const p = problem(rows, 4, 5, 2);
      for (const [reduction, expected] of [
        ["mean", [Number.NaN]],
        ["sum", [0]],
        ["none", new Array(rows).fill(0)],
      ] as [Reduction, number[]][]) {
        const upstream = reduction === "none" ? new Float32Array(rows).fill(1) : [1];
        const result = evaluate(lossOf(p, { reduction }), inputsOf(p), upstream);
        expect([...result.output]).toEqual(expected);
        for (const gradient of result.gradients)
          expectSameBits(gradient!, new Float32Array(gradient!.length), "0");
      }
    }
  });

  test("x may be a range of columns, and there may be no bias", () => {
    const p = { ...problem(7, 4, 11, 0.2), bias: new Float32Array(11) };
    const wide = randomData([7, 9], 8);
    p.x = Float32Array.from({ length: 28 }, (_, i) => wide[Math.floor(i / 4) * 9 + 3 + (i % 4)]);
    for (const labels of [p.labels, p.labels.map((label) => Math.max(label, 0))]) {
      const q = { ...p, labels };
      const whole = evaluate(lossOf(q), inputsOf(q), [1]);
      const range = evaluate(
        (x, weight) =>
          linearCrossEntropy(x.slice(3, 7, 1), weight, tensor(labels, [7]), { scale: p.scale, bias: null }),
        [{ shape: [7, 9], data: wide }, inputsOf(p)[1]],
        [1],
      );
      expectSameBits(range.output, whole.output, "loss");
      const inside = range.gradients[0]!.filter((_, i) => i % 9 >= 3 && i % 9 < 7);
      expectSameBits(inside, whole.gradients[0]!, "dx");
      expectSameBits(range.gradients[1]!, whole.gradients[1]!, "dweight");
    }
  });

  test("a weight tied to an embedding gathers both gradients", async () => {
    const p = problem(6, 3, 8, 0.2);
    const ids = tensor(Int32Array.of(0, 3, 3, 7, 1, 0), [6]);
    await checkGradients(
      (weight) => {
        const x = embedding([{ table: weight, ids }]);
        return linearCrossEntropy(x, weight, tensor(p.labels, [6]));
      },
      [inputsOf(p)[1]],
    );
  });

  test("masked classes, NaN in one row, far logits", () => {
    const inf = Number.POSITIVE_INFINITY;
    const unit = tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
    const run = (x: number[], labels: number[], bias?: Tensor) =>
      evaluate(
        (t) =>
          linearCrossEntropy(t, unit, tensor(Int32Array.from(labels), [labels.length]), {
            bias,
            reduction: "none",
          }),
        [{ shape: [labels.length, 3], data: x }],
        new Float32Array(labels.length).fill(1),
      );
    const masked = run([0, 0, 0], [0], tensor([0, -inf, 0], [3]));
    expectClose(masked.output, [Math.log(2)], 2e-7, "masked");
    expectClose(masked.gradients[0]!, [-0.5, 0, 0.5], 2e-7, "masked gradient");
    expect([...run([0, 0, 0], [1], tensor([0, -inf, 0], [3])).output]).toEqual([inf]);
    expect(run([0, 0, 0], [1], tensor([-inf, -inf, -inf], [3])).output[0]).toBeNaN();
    const two = run([0, 0, 0, 1, Number.NaN, 2], [2, 0]);
    expectClose(two.output, [Math.log(3), Number.NaN], 2e-7, "one NaN");
    expectClose(two.gradients[0]!.subarray(0, 3), [1 / 3, 1 / 3, -2 / 3], 2e-7, "the sound row");
    const near = run([1, 2, 3], [0]);
    const far = run([10001, 10002, 10003], [0]);
    expectClose(far.output, near.output, 5e-7, "shifted");
  });

  test("classes of -inf that fill whole blocks", () => {
    const classes = 600_000; // one row: blocks of 2^20 columns; two rows: of 2^19
    const bias = new Float32Array(classes).fill(Number.NEGATIVE_INFINITY);
    bias[classes - 1] = 0;
    bias[classes - 2] = Math.log(3);
    const labels = tensor(Int32Array.of(classes - 1, classes - 2), [2]);
    const result = evaluate(
      (x, weight) =>
        linearCrossEntropy(x, weight, labels, { bias: tensor(bias, [classes]), reduction: "none" }),
      [
        { shape: [2, 1], data: [0, 0] },
        { shape: [classes, 1], data: new Float32Array(classes) },
      ],
      [1, 1],
    );
    expectClose(result.output, [Math.log(4), Math.log(4 / 3)], 2e-7, "losses");
    expect(result.gradients[1]!.every(Number.isFinite)).toBe(true);
  });

  test("a wrong label is ERR_DATA when read, and marks the gradients", async () => {
    const x = tensor(randomData([3, 5], 1), [3, 5], { requiresGrad: true });
    const weight = tensor(randomData([4, 5], 2), [4, 5]);
    for (const label of [99, 4, -1, -2147483648]) {
      const loss = linearCrossEntropy(x, weight, tensor(Int32Array.of(0, label, 1), [3]));
      loss.backward();
      await expectCodeAsync(loss.data(), "ERR_DATA", `linear_cross_entropy: label ${label} outside 0..3`);
      await expectCodeAsync(x.grad!.data(), "ERR_DATA", `label ${label} outside 0..3`);
      x.grad = null;
    }
  });

  test("misuse has its code", () => {
    const [x, weight] = [tensor(new Float32Array(6), [2, 3]), tensor(new Float32Array(12), [4, 3])];
    const labels = tensor(Int32Array.of(0, 1), [2]);
    const call = (options: object) => () => linearCrossEntropy(x, weight, labels, options);
    const { raw } = String;
    expectCode(
      () => linearCrossEntropy(x, tensor([1, 2], [1, 2]), labels),
      "ERR_SHAPE",
      raw`linear_cross_entropy: weight must be (1, 3), got (1, 2)`,
    );
    expectCode(() => linearCrossEntropy(tensor([1, 2], [2]), weight, labels), "ERR_SHAPE", "x must have 2");
    expectCode(() => linearCrossEntropy(x, tensor([1], [1]), labels), "ERR_SHAPE", "weight must have 2");
    expectCode(() => linearCrossEntropy(x, weight, tensor([0, 1], [2])), "ERR_DTYPE", "labels must be i32");
    expectCode(
      () => linearCrossEntropy(x, weight, tensor(Int32Array.of(0), [1])),
      "ERR_SHAPE",
      "labels must be (2), got (1)",
    );
    expectCode(call({ bias: tensor([1, 2], [2]) }), "ERR_SHAPE", "bias must be (4), got (2)");
    expectCode(call({ bias: tensor(Int32Array.of(1, 2, 3, 4), [4]) }), "ERR_DTYPE", "bias");
    expectCode(call({ labelSmoothing: -0.1 }), "ERR_ARGUMENT", "labelSmoothing must be 0 to 1");
    expectCode(call({ scale: Number.NaN }), "ERR_ARGUMENT", "scale");
    expectCode(call({ ignoreIndex: 0.5 }), "ERR_ARGUMENT", "ignoreIndex");
    expectCode(call({ reduction: "average" }), "ERR_ARGUMENT", "reduction must be mean, sum or none");
    expectCode(() => linearCrossEntropy(x, null as never, labels), "ERR_ARGUMENT", "weight must be a tensor");
  });
});
