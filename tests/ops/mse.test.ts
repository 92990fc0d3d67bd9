import { describe, expect, test } from "@jest/globals";
import { mse, type Reduction } from "../../src/tensor/ops/loss.js";
import { tensor } from "../../src/tensor/tensor.js";
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
} from "../support/ops.js";

const reductions: Reduction[] = ["mean", "sum", "none"];

describe("mse", () => {
  test("PyTorch 2.13.0 fixtures", async () => {
    for (const c of (await fixtureCases("other_losses")).filter((each) => each.meta.loss === "mse")) {
      const get = (name: string) => c.tensors.get(name)!;
      const result = evaluate((x, t) => mse(x, t), [get("x"), get("target")], get("upstream").data);
      expectClose(result.output, get("loss").data, fixtureTolerance(c), `${c.case} loss`);
      expectClose(result.gradients[0]!, get("grad.x").data, fixtureTolerance(c), `${c.case} grad.x`);
      expectSameBits(
        result.gradients[1]!,
        result.gradients[0]!.map((v) => -v),
        `${c.case} gradient of the target`,
      );
    }
  });

  test.each([[[]], [[0]], [[1]], [[0, 3]], [[3, 5]], [[2, 3, 7]], [[30_011]]])(
    "shape %j against float64",
    (shape) => {
      const n = countOf(shape);
      const [x, t] = [randomData(shape, 1), randomData(shape, 2)];
      for (const reduction of reductions) {
        const dy = reduction === "none" ? randomData(shape, 3) : [1.5];
        const run = () =>
          evaluate(
            (a, b) => mse(a, b, { reduction }),
            [
              { shape, data: x },
              { shape, data: t },
            ],
            dy,
          );
        const result = run();
        const each = Float64Array.from(x, (v, i) => (v - t[i]) ** 2);
        const sum = each.reduce((s, v) => s + v, 0);
        const divisor = reduction === "mean" ? n : 1;
        expect(result.shape).toEqual(reduction === "none" ? shape : []);
        expectClose(result.output, reduction === "none" ? each : [sum / divisor], 1e-6, `${reduction} loss`);
        const gradient = Float64Array.from(
          x,
          (v, i) => (2 * (v - t[i]) * (reduction === "none" ? dy[i] : dy[0])) / divisor,
        );
        expectClose(result.gradients[0]!, gradient, 1e-6, `${reduction} gradient of x`);
        expectClose(
          result.gradients[1]!,
          gradient.map((v) => -v),
          1e-6,
          `${reduction} gradient of target`,
        );
        const again = run();
        expectSameBits(again.output, result.output, "loss again");
        expectSameBits(again.gradients[0]!, result.gradients[0]!, "gradient again");
      }
    },
  );

  test("gradients against differences", async () => {
    const inputs = [
      { shape: [3, 4], data: randomData([3, 4], 1) },
      { shape: [3, 4], data: randomData([3, 4], 2) },
    ];
    for (const reduction of reductions) await checkGradients((x, t) => mse(x, t, { reduction }), inputs);
  });

  test("NaN in x goes through; NaN in the target is ERR_DATA, and the process lives on", async () => {
    const data = [1, Number.NaN, 3, 4];
    expectClose(
      evaluate(
        (x, t) => mse(x, t, { reduction: "none" }),
        [
          { shape: [4], data },
          { shape: [4], data: [1, 1, 1, 1] },
        ],
      ).output,
      [0, Number.NaN, 4, 9],
      0,
      "loss",
    );
    const x = tensor([1, 2, 3, 4], [2, 2], { requiresGrad: true });
    for (const reduction of reductions) {
      await expectCodeAsync(
        mse(x, tensor([1, 1, Number.NaN, Number.NaN], [2, 2]), { reduction }).data(),
        "ERR_DATA",
        "mse: target must be a number, got NaN at (1, 0)",
      );
    }
    const loss = mse(x, tensor([Number.NaN, 0, 0, 0], [2, 2]));
    loss.backward();
    await expectCodeAsync(x.grad!.data(), "ERR_DATA", "NaN at (0, 0)");
    expect(await mse(x, tensor([1, 2, 3, 6], [2, 2])).item()).toBe(1);
  });

  test("misuse has its code", () => {
    const x = tensor([1, 2], [2]);
    expectCode(
      () => mse(x, tensor([1, 2], [2, 1])),
      "ERR_SHAPE",
      "target must have the shape of x (2), got (2, 1)",
    );
    expectCode(() => mse(x, tensor(Int32Array.of(1, 2), [2])), "ERR_DTYPE", "target must be f32");
    expectCode(() => mse(x, x, { reduction: "all" as never }), "ERR_ARGUMENT", "reduction");
    expectCode(() => mse(1 as never, x), "ERR_ARGUMENT", "x must be a tensor");
  });
});
