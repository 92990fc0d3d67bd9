import { describe, expect, test } from "@jest/globals";
import { adagrad } from "../../src/tensor/ops/optimizer.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode } from "../support/ops.js";
import { replayFixture, valuesOf } from "../support/optimizer-fixtures.js";

describe("adagrad", () => {
  test("PyTorch's parameters, sums and norms over five steps", async () => {
    await replayFixture("adagrad", {
      states: ({ initial_accumulator_value = 0 }) => ({ sum: initial_accumulator_value }),
      step(parameters, { eps, lr, lr_decay = 0, max_norm = 0 }, step) {
        const decayed = lr / (1 + (step - 1) * lr_decay);
        const list = parameters.map((p) => ({ ...p, lr: decayed, sum: p.sum as never }));
        return adagrad(list, { eps, maxNorm: max_norm });
      },
    });
  });

  const make = (n: number, gradient = 2) => {
    const full = (value: number) => tensor(new Float32Array(n).fill(value), [n]);
    const parameter = full(1);
    parameter.requiresGrad = true;
    parameter.grad = full(gradient);
    return { parameter, sum: full(0), lr: 0.25, weightDecay: 0 };
  };

  test("large and empty parameters", () => {
    const entries = [make(0), make(1), make(40_001)];
    expectClose(valuesOf(adagrad(entries, { eps: 0 })), [2 * Math.sqrt(40_002)], 1e-7, "norm");
    for (const e of entries) expect(valuesOf(e.parameter).every((p) => p === 0.75)).toBe(true);
  });

  test("a norm that is not finite changes nothing, where asked", () => {
    const entries = [make(2), make(2, Number.NaN)];
    adagrad(entries, { eps: 0, skipNotFinite: true });
    for (const e of entries) expect([...valuesOf(e.parameter), ...valuesOf(e.sum)]).toEqual([1, 1, 0, 0]);
    adagrad(entries, { eps: 0 });
    expect(valuesOf(entries[1].parameter)).toEqual(Float32Array.of(Number.NaN, Number.NaN));
  });

  test.each<[string, () => unknown, string, string]>([
    ["eps", () => adagrad([make(2)], { eps: -1 }), "ERR_ARGUMENT", "eps must"],
    ["maxNorm", () => adagrad([make(2)], { eps: 0, maxNorm: -1 }), "ERR_ARGUMENT", "maxNorm must"],
    ["shape", () => adagrad([{ ...make(2), sum: tensor([0], [1]) }], { eps: 0 }), "ERR_SHAPE", "sum[0] must"],
    [
      "one tensor twice",
      () => {
        const p = make(2);
        adagrad([{ ...p, sum: p.parameter }], { eps: 0 });
      },
      "ERR_ARGUMENT",
      "different tensors",
    ],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
