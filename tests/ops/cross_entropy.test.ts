import { describe, expect, test } from "@jest/globals";
import { type CrossEntropyOptions, crossEntropy, type Reduction } from "../../src/tensor/ops/loss.js";
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
  onCuda,
  randomData,
  randomIntegers,
  uniform,
} from "../support/ops.js";

const reductions: Reduction[] = ["mean", "sum", "none"];

interface Problem {
  rows: number;
  classes: number;
  logits: Float32Array;
  labels: Int32Array;
  weight?: Float32Array;
  smoothing: number;
}

// Loss and gradient in float64, as the formula in native/ops/cross_entropy/cross_entropy.h says.
function reference(p: Problem, reduction: Reduction, upstream: ArrayLike<number>) {
  const { rows, classes, smoothing: e } = p;
  const w = (c: number) => p.weight?.[c] ?? 1;
  const losses = new Float64Array(rows);
  const gradient = new Float64Array(p.logits.length);
  let divisor = 0;
  for (const label of p.labels) if (label !== -100) divisor += w(label);
  if (reduction !== "mean") divisor = 1;
  for (let r = 0; r < rows; r++) {
    const label = p.labels[r];
    if (label === -100) continue;
    const x = p.logits.subarray(r * classes, (r + 1) * classes);
    const max = x.reduce((m, v) => Math.max(m, v));
    const total = x.reduce((s, v) => s + Math.exp(v - max), 0);
    const distance = (c: number) => Math.log(total) + max - x[c];
    let [even, weights] = [0, 0];
    for (let c = 0; c < classes; c++) {
      even += w(c) * distance(c);
      weights += w(c);
    }
    losses[r] = (1 - e) * w(label) * distance(label) + (e / classes) * even;
    const factor = (reduction === "none" ? upstream[r] : upstream[0]) / divisor;
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp(-distance(c));
      const own = c === label ? (1 - e) * w(label) : 0;
      const slope = probability * ((1 - e) * w(label) + (e / classes) * weights) - own - (e / classes) * w(c);
      gradient[r * classes + c] = Math.abs(slope) < 1e-15 ? 0 : factor * slope; // float64's own rounding
    }
  }
  const sum = losses.reduce((s, v) => s + v, 0);
  return { loss: reduction === "none" ? losses : Float64Array.of(sum / divisor), gradient };
}

function problem(rows: number, classes: number, weighted: boolean, smoothing: number): Problem {
  const ignored = uniform(rows + 5);
  return {
    rows,
    classes,
    logits: randomData([rows, classes], 1, 3),
    labels: randomIntegers([rows], 2, 0, classes).map((t) => (ignored() < 0.2 ? -100 : t)),
    weight: weighted ? randomData([classes], 3).map((v) => Math.abs(v) + 0.1) : undefined,
    smoothing,
  };
}

const run = (p: Problem, reduction: Reduction, upstream?: ArrayLike<number>) =>
  evaluate(
    (logits) => {
      const weight = p.weight && tensor(p.weight, [p.classes]);
      return crossEntropy(logits, tensor(p.labels, [p.rows]), {
        weight,
        labelSmoothing: p.smoothing,
        reduction,
      });
    },
    [{ shape: [p.rows, p.classes], data: p.logits }],
    upstream,
  );

describe("cross_entropy, PyTorch 2.13.0 fixtures", () => {
  test("cross_entropy: losses and gradients", async () => {
    const all = await fixtureCases("cross_entropy");
    expect(all.length).toBeGreaterThan(15);
    for (const c of all) {
      const get = (name: string) => c.tensors.get(name)!;
      const { ignore_index: ignoreIndex, label_smoothing: labelSmoothing, reduction } = c.meta;
      const labels = tensor(get("labels").data, get("labels").shape);
      const loss = (options: CrossEntropyOptions) => (logits: Tensor) =>
        crossEntropy(logits, labels, { ignoreIndex, labelSmoothing, ...options });
      const result = evaluate(loss({ reduction }), [get("logits")], get("upstream").data);
      expectClose(result.output, get("loss").data, fixtureTolerance(c), `${c.case} loss`);
      expectClose(
        result.gradients[0]!,
        get("grad.logits").data,
        fixtureTolerance(c),
        `${c.case} grad.logits`,
      );
      const rows = evaluate(loss({ reduction: "none" }), [get("logits")]);
      expectClose(rows.output, get("loss_per_row").data, fixtureTolerance(c), `${c.case} loss_per_row`);
    }
  });

  // torch.nn.functional.cross_entropy(x, t, weight=w, label_smoothing=e, reduction=r) in float64, upstream 1
  // (1 to 5 without reduction).
  const x = [1.5, -0.5, 0.25, 2, 0, 3, -1, 0.5, -2, 0.125, 0.75, 1, 0.5, 0.5, 0.5, 0.5, 2, -1, 0, 1];
  const weighted: [number, Reduction, number[], number[]][] = [
    [
      0,
      "mean",
      [0.9976955340805495],
      [
        0.054278891585543505, 0.007345849166498924, 0.015551162807512422, -0.07717590355955486,
        0.019238238965816147, -0.05803408535943635, 0.00707735259986711, 0.03171849379375312, 0, 0, 0, 0,
        -0.08333333333333333, 0.027777777777777776, 0.027777777777777776, 0.027777777777777776,
        0.17886507219110345, 0.008905167577801385, -0.25357102257165764, 0.06580078280275282,
      ],
    ],
    [
      0.2,
      "mean",
      [1.2060421298140689],
      [
        0.054151225188542304, -0.014141788139073406, 0.0032173901993747768, -0.043226827248843684,
        0.01199933750075168, -0.025178325112707883, -0.0074308046415101515, 0.02060979225346639, 0, 0, 0, 0,
        -0.05972222222222222, 0.0125, 0.020833333333333336, 0.026388888888888892, 0.16973221519172582,
        -0.013495157995976864, -0.21238849100911336, 0.05615143381336444,
      ],
    ],
    [
      0.2,
      "sum",
      [5.42718958416331],
      [
        0.24368051334844038, -0.06363804662583034, 0.0144782558971865, -0.19452072261979667,
        0.05399701875338257, -0.11330246300718554, -0.033438620886795674, 0.09274406514059876, 0, 0, 0, 0,
        -0.26875, 0.05625, 0.09375, 0.11875, 0.7637949683627662, -0.060728210981895896, -0.9557482095410101,
        0.25268145216014,
      ],
    ],
    [
      0.2,
      "none",
      [0.8849098261278278, 0.6741134015980856, 0, 0.8664339756999316, 3.0017323807374643],
      [
        0.24368051334844038, -0.06363804662583034, 0.0144782558971865, -0.19452072261979667,
        0.10799403750676514, -0.22660492601437107, -0.06687724177359135, 0.1854881302811975, 0, 0, 0, 0,
        -1.075, 0.225, 0.375, 0.475, 3.8189748418138305, -0.30364105490947946, -4.778741047705051,
        1.2634072608006996,
      ],
    ],
  ];
  test.each(weighted)("torch 2.13.0: weights, smoothing %d, %s", (smoothing, reduction, loss, gradient) => {
    const p = {
      rows: 5,
      classes: 4,
      logits: Float32Array.from(x),
      labels: Int32Array.of(3, 1, -100, 0, 2),
      weight: Float32Array.of(0.5, 2, 1.25, 0.75),
      smoothing,
    };
    const result = run(p, reduction, reduction === "none" ? [1, 2, 3, 4, 5] : [1]);
    expectClose(result.output, loss, 2e-6, "loss");
    expectClose(result.gradients[0]!, gradient, 2e-6, "gradient");
  });
});

describe("cross_entropy against float64", () => {
  const sizes: [number, number][] = [
    [1, 1],
    [1, 2],
    [3, 7],
    [17, 33],
    [9, 1025],
    [1000, 5],
  ];
  function compare(p: Problem, reduction: Reduction): void {
    const upstream = reduction === "none" ? randomData([p.rows], 4) : [1.5];
    const result = run(p, reduction, upstream);
    const expected = reference(p, reduction, upstream);
    const label = `weighted ${p.weight !== undefined}, smoothing ${p.smoothing}, ${reduction}`;
    expect(result.shape).toEqual(reduction === "none" ? [p.rows] : []);
    expectClose(result.output, expected.loss, 2e-6, `${label} loss`);
    expectClose(result.gradients[0]!, expected.gradient, 2e-6, `${label} gradient`);
    const again = run(p, reduction, upstream);
    expectSameBits(again.output, result.output, `${label} loss again`);
    expectSameBits(again.gradients[0]!, result.gradients[0]!, `${label} gradient again`);
  }

  test.each(sizes)("%i rows of %i classes", (rows, classes) => {
    for (const weighted of [false, true]) {
      for (const smoothing of [0, 0.1, 1]) {
        for (const reduction of reductions) {
          compare(problem(rows, classes, weighted, smoothing), reduction);
        }
      }
    }
  });

  test("a vocabulary", () => compare(problem(5, 50_257, true, 0.1), "mean"));

  test("gradients against differences", async () => {
    for (const [weighted, smoothing] of [
      [false, 0],
      [true, 0],
      [false, 0.2],
      [true, 0.2],
    ] as [boolean, number][]) {
      const p = problem(6, 5, weighted, smoothing);
      for (const reduction of reductions) {
        const loss = (logits: Tensor) =>
          crossEntropy(logits, tensor(p.labels, [6]), {
            reduction,
            labelSmoothing: smoothing,
            weight: p.weight && tensor(p.weight, [5]),
          });
        await checkGradients(loss, [{ shape: [6, 5], data: randomData([6, 5], 9) }]);
      }
    }
  });
});

describe("cross_entropy: edges", () => {
  test("no rows: NaN, 0 and nothing", () => {
    const empty = (reduction: Reduction) =>
      run(problem(0, 4, false, 0), reduction, reduction === "none" ? [] : [1]);
    expect(Array.from(empty("mean").output)).toEqual([Number.NaN]);
    expect(Array.from(empty("sum").output)).toEqual([0]);
    expect(empty("none").output.length).toBe(0);
    expect(empty("mean").gradients[0]!.length).toBe(0);
  });

  test("a mean over ignored rows is NaN with a gradient of 0; weights of 0 make the gradient NaN too", () => {
    const labels = Int32Array.of(-100, -100);
    const p = { rows: 2, classes: 3, logits: randomData([2, 3], 1), labels, smoothing: 0.1 };
    const result = run(p, "mean", [1]);
    expect(result.output[0]).toBeNaN();
    expectSameBits(result.gradients[0]!, new Float32Array(6), "gradient");
    const weightless = run(
      { ...p, labels: Int32Array.of(0, 1), weight: new Float32Array(3), smoothing: 0 },
      "mean",
      [1],
    );
    expect(weightless.output[0]).toBeNaN();
    expect(Array.from(weightless.gradients[0]!).every(Number.isNaN)).toBe(true);
  });

  test("ignoreIndex may be a class", () => {
    const logits = { shape: [2, 3], data: [1, 2, 3, 3, 2, 1] };
    const loss = (t: Tensor) => crossEntropy(t, tensor(Int32Array.of(0, 1), [2]), { ignoreIndex: 0 });
    const result = evaluate(loss, [logits], [1]);
    const expected = Math.log(Math.exp(3) + Math.exp(2) + Math.exp(1)) - 2;
    expectClose(result.output, [expected], 1e-6, "loss");
    expectSameBits(result.gradients[0]!.subarray(0, 3), [0, 0, 0], "gradient");
  });

  test("masked logits of -Infinity, NaN in one row, a large offset", () => {
    const inf = Number.POSITIVE_INFINITY;
    const p = {
      rows: 1,
      classes: 3,
      logits: Float32Array.of(0, -inf, 0),
      labels: Int32Array.of(0),
      smoothing: 0,
    };
    const masked = run(p, "mean", [1]);
    expectClose(masked.output, [Math.log(2)], 2e-7, "loss");
    expectClose(masked.gradients[0]!, [-0.5, 0, 0.5], 2e-7, "gradient");
    expect(Array.from(run({ ...p, labels: Int32Array.of(1) }, "mean").output)).toEqual([inf]);
    expect(run({ ...p, logits: Float32Array.of(-inf, -inf, -inf) }, "mean").output[0]).toBeNaN();
    const two = {
      ...p,
      rows: 2,
      logits: Float32Array.of(0, 0, 0, 1, Number.NaN, 2),
      labels: Int32Array.of(2, 0),
    };
    const rows = run(two, "none", [1, 1]);
    expectClose(rows.output, [Math.log(3), Number.NaN], 2e-7, "losses");
    expectClose(rows.gradients[0]!.subarray(0, 3), [1 / 3, 1 / 3, -2 / 3], 2e-7, "gradient of the sound row");
    const data = randomData([4, 9], 3).map((v) => Math.round(v * 64) / 64);
    const labels = Int32Array.of(0, 4, 8, 2);
    const near = run({ rows: 4, classes: 9, logits: data, labels, smoothing: 0.1 }, "mean", [1]);
    const far = run(
      { rows: 4, classes: 9, logits: data.map((v) => v + 10_000), labels, smoothing: 0.1 },
      "mean",
      [1],
    );
    expectClose(far.output, near.output, 5e-7, "shifted loss");
    expectClose(far.gradients[0]!, near.gradients[0]!, 5e-7, "shifted gradient");
  });

  test("logits may be a range of columns", () => {
    const data = randomData([5, 9], 7);
    const labels = Int32Array.of(0, 3, -100, 1, 2);
    const narrow = Float32Array.from({ length: 20 }, (_, i) => data[Math.floor(i / 4) * 9 + 3 + (i % 4)]);
    const expected = run({ rows: 5, classes: 4, logits: narrow, labels, smoothing: 0 }, "mean", [1]);
    const loss = (t: Tensor) => crossEntropy(t.slice(3, 7, 1), tensor(labels, [5]));
    const result = evaluate(loss, [{ shape: [5, 9], data }], [1]);
    const inside = result.gradients[0]!.filter((_, i) => i % 9 >= 3 && i % 9 < 7);
    if (onCuda()) {
      // Rows of another alignment are added in another order there.
      expectClose(result.output, expected.output, 2e-7, "loss");
      expectClose(inside, expected.gradients[0]!, 3e-7, "gradient");
      return;
    }
    expectSameBits(result.output, expected.output, "loss");
    expectSameBits(inside, expected.gradients[0]!, "gradient");
  });

  test("a wrong label is ERR_DATA when read, and the process lives on", async () => {
    const logits = tensor(randomData([3, 5], 1), [3, 5], { requiresGrad: true });
    for (const label of [99, 5, -1, -2147483648]) {
      const loss = crossEntropy(logits, tensor(Int32Array.of(0, label, 1), [3]));
      loss.backward();
      await expectCodeAsync(loss.data(), "ERR_DATA", `cross_entropy: label ${label} outside 0..4`);
      await expectCodeAsync(logits.grad!.data(), "ERR_DATA", `label ${label} outside 0..4`);
      logits.grad = null;
    }
    const sound = crossEntropy(logits, tensor(Int32Array.of(0, 4, 1), [3]));
    sound.backward();
    expect(await sound.item()).toBeGreaterThan(0);
    expect(Array.from(await logits.grad!.data()).every(Number.isFinite)).toBe(true);
  });

  test("misuse has its code", () => {
    const logits = tensor(new Float32Array(6), [2, 3]);
    const labels = tensor(Int32Array.of(0, 1), [2]);
    const call = (options: object) => () => crossEntropy(logits, labels, options as CrossEntropyOptions);
    expectCode(() => crossEntropy(tensor([1, 2], [2]), labels), "ERR_SHAPE", "logits must have 2 dimensions");
    expectCode(() => crossEntropy(logits, tensor([0, 1], [2])), "ERR_DTYPE", "labels must be i32, got f32");
    expectCode(
      () => crossEntropy(logits, tensor(Int32Array.of(0), [1])),
      "ERR_SHAPE",
      "labels must be (2), got (1)",
    );
    expectCode(() => crossEntropy(labels, labels), "ERR_DTYPE", "logits must be f32");
    expectCode(call({ weight: tensor([1, 2], [2]) }), "ERR_SHAPE", "weight must be (3), got (2)");
    expectCode(call({ weight: tensor(Int32Array.of(1, 2, 3), [3]) }), "ERR_DTYPE", "weight");
    expectCode(call({ labelSmoothing: 1.5 }), "ERR_ARGUMENT", "labelSmoothing must be 0 to 1");
    expectCode(call({ labelSmoothing: "x" }), "ERR_ARGUMENT", "labelSmoothing");
    expectCode(call({ ignoreIndex: 0.5 }), "ERR_ARGUMENT", "ignoreIndex");
    expectCode(
      call({ reduction: "average" }),
      "ERR_ARGUMENT",
      "reduction must be mean, sum or none, got average",
    );
    expectCode(() => crossEntropy(logits, null as never), "ERR_ARGUMENT", "labels must be a tensor");
  });
});
