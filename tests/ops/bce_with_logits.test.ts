import { describe, expect, test } from "@jest/globals";
import { bceWithLogits, type Reduction } from "../../src/tensor/ops/loss.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  countOf,
  evaluate,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
  uniform,
} from "../support/ops.js";

const reductions: Reduction[] = ["mean", "sum", "none"];
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe("bce_with_logits", () => {
  test("PyTorch 2.13.0 fixtures", async () => {
    for (const c of (await fixtureCases("other_losses")).filter(
      (each) => each.meta.loss === "bce_with_logits",
    )) {
      const get = (name: string) => c.tensors.get(name)!;
      const target = tensor(get("target").data, get("target").shape);
      const result = evaluate((x) => bceWithLogits(x, target), [get("x")], get("upstream").data);
      expectClose(result.output, get("loss").data, fixtureTolerance(c), `${c.case} loss`);
      expectClose(result.gradients[0]!, get("grad.x").data, fixtureTolerance(c), `${c.case} grad.x`);
    }
  });

  test("torch 2.13.0 binary_cross_entropy_with_logits(pos_weight=[0.5, 3, 2]), float64", () => {
    const x = { shape: [2, 3], data: [0.5, -1.5, 2, 3, -20, 0.25] };
    const target = tensor([1, 0, 0.25, 0, 1, 1], [2, 3]);
    const posWeight = tensor([0.5, 3, 2], [3]);
    const sum = evaluate((t) => bceWithLogits(t, target, { posWeight, reduction: "sum" }), [x], [1]);
    expectClose(sum.output, [66.2975779813914], 2e-6, "sum");
    expectClose(
      sum.gradients[0]!,
      [
        -0.1887703343990727, 0.18242552380635635, 0.600996347472353, 0.9525741268224334, -2.999999993816539,
        -0.8756469982284039,
      ],
      2e-6,
      "gradient",
    );
    const mean = evaluate((t) => bceWithLogits(t, target, { posWeight }), [x], [1]);
    expectClose(mean.output, [11.0495963302319], 2e-6, "mean");
    const none = evaluate((t) => bceWithLogits(t, target, { posWeight, reduction: "none" }), [x]);
    expectClose(
      none.output,
      [
        0.23703849209005334, 0.20141327798275244, 1.6586600138037155, 3.048587351573742, 60.000000006183456,
        1.1518788397576871,
      ],
      2e-6,
      "none",
    );
  });

  test.each([[[]], [[0]], [[1]], [[0, 3]], [[3, 5]], [[2, 3, 7]], [[5003, 4]]])(
    "shape %j against float64",
    (shape) => {
      const n = countOf(shape);
      const width = shape[shape.length - 1] ?? 1;
      const x = randomData(shape, 1, 4);
      const next = uniform(2);
      const t = Float32Array.from(x, () => Math.min(1, Math.max(0, next() * 1.5 - 0.25)));
      const weights = randomData([width], 3).map((v) => Math.abs(v) + 0.2);
      for (const posWeight of [undefined, weights, weights.subarray(0, 1)]) {
        if (posWeight && posWeight.length !== 1 && shape.length === 0) continue;
        const w = (i: number) => (posWeight ? posWeight[posWeight.length === 1 ? 0 : i % width] : 1);
        if (posWeight?.length === 0) continue;
        for (const reduction of reductions) {
          const dy = reduction === "none" ? randomData(shape, 4) : [1.5];
          const loss = (logits: Tensor) =>
            bceWithLogits(logits, tensor(t, shape), {
              reduction,
              posWeight: posWeight && tensor(posWeight, [posWeight.length]),
            });
          const result = evaluate(loss, [{ shape, data: x }], dy);
          const each = Float64Array.from(x, (v, i) => (1 - t[i]) * softplus(v) + w(i) * t[i] * softplus(-v));
          const divisor = reduction === "mean" ? n : 1;
          const expected = reduction === "none" ? each : [each.reduce((s, v) => s + v, 0) / divisor];
          expect(result.shape).toEqual(reduction === "none" ? shape : []);
          expectClose(result.output, expected, 1e-6, `${reduction} loss`);
          const gradient = Float64Array.from(x, (v, i) => {
            const slope = (1 - t[i]) * sigmoid(v) - w(i) * t[i] * sigmoid(-v);
            return (slope * (reduction === "none" ? dy[i] : dy[0])) / divisor;
          });
          expectClose(result.gradients[0]!, gradient, 1e-6, `${reduction} gradient`);
          const again = evaluate(loss, [{ shape, data: x }], dy);
          expectSameBits(again.output, result.output, "loss again");
          expectSameBits(again.gradients[0]!, result.gradients[0]!, "gradient again");
        }
      }
    },
  );

  test("gradients against differences", async () => {
    const target = tensor([1, 0, 0.25, 0, 1, 0.5], [2, 3]);
    const posWeight = tensor([0.5, 3, 2], [3]);
    const x = { shape: [2, 3], data: randomData([2, 3], 1) };
    for (const reduction of reductions) {
      await checkGradients((t) => bceWithLogits(t, target, { reduction }), [x]);
      await checkGradients((t) => bceWithLogits(t, target, { reduction, posWeight }), [x]);
    }
  });

  test("confident logits neither overflow nor lose their digits", () => {
    const target = tensor([0, 1, 0, 1], [4]);
    const options = { reduction: "none" } as const;
    const result = evaluate(
      (t) => bceWithLogits(t, target, options),
      [{ shape: [4], data: [-30, 30, 1000, -1000] }],
      [1, 1, 1, 1],
    );
    const tiny = Math.exp(-30);
    expectClose(result.output.subarray(0, 2), [tiny, tiny], 1e-6, "small losses");
    expectClose(result.gradients[0]!.subarray(0, 2), [tiny, -tiny], 1e-6, "small gradients");
    expectSameBits(result.output.subarray(2), [1000, 1000], "large losses");
    expectSameBits(result.gradients[0]!.subarray(2), [1, -1], "large gradients");
    expect(
      evaluate((t) => bceWithLogits(t, tensor([1], [1])), [{ shape: [1], data: [Number.NaN] }]).output[0],
    ).toBeNaN();
  });

  test("NaN in the target is ERR_DATA, and the process lives on", async () => {
    const x = tensor([1, 2, 3, 4], [2, 2], { requiresGrad: true });
    const bad = tensor([1, 0, 1, Number.NaN], [2, 2]);
    for (const reduction of reductions) {
      await expectCodeAsync(
        bceWithLogits(x, bad, { reduction }).data(),
        "ERR_DATA",
        "bce_with_logits: target must be a number, got NaN at (1, 1)",
      );
    }
    const loss = bceWithLogits(x, tensor([1, 0, 1, 0], [2, 2]));
    loss.backward();
    expect(Array.from(await x.grad!.data()).every(Number.isFinite)).toBe(true);
  });

  test("misuse has its code", () => {
    const x = tensor(new Float32Array(6), [2, 3]);
    expectCode(
      () => bceWithLogits(x, tensor([1, 2], [2])),
      "ERR_SHAPE",
      "target must have the shape of logits (2, 3), got (2)",
    );
    expectCode(() => bceWithLogits(x, tensor(new Int32Array(6), [2, 3])), "ERR_DTYPE", "target must be f32");
    expectCode(
      () => bceWithLogits(x, x, { posWeight: tensor([1, 2], [2]) }),
      "ERR_SHAPE",
      "posWeight must be (3), got (2)",
    );
    expectCode(
      () => bceWithLogits(x, x, { posWeight: tensor(Int32Array.of(1, 2, 3), [3]) }),
      "ERR_DTYPE",
      "posWeight",
    );
    expectCode(() => bceWithLogits(x, x, { reduction: 1 as never }), "ERR_ARGUMENT", "reduction");
    const target = tensor(new Float32Array(6), [2, 3], { requiresGrad: true });
    expectCode(() => bceWithLogits(x, target), "ERR_ARGUMENT", "target must not require a gradient");
  });
});
