import { describe, expect, test } from "@jest/globals";
import { rmsprop } from "../../src/tensor/ops/optimizer.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode } from "../support/ops.js";
import { replayFixture, valuesOf } from "../support/optimizer-fixtures.js";

describe("rmsprop", () => {
  test("PyTorch's parameters, means, buffers and norms over five steps", async () => {
    await replayFixture("rmsprop", {
      states: ({ momentum, centered }) => ({
        square: 0,
        ...(momentum && { buffer: 0 }),
        ...(centered && { mean: 0 }),
      }),
      step(parameters, meta) {
        const list = parameters.map((p) => ({ ...p, square: p.square as never }));
        return rmsprop(list, { ...(meta as { alpha: number; eps: number }), maxNorm: meta.max_norm ?? 0 });
      },
    });
  });

  const make = (n: number, gradient = 2) => {
    const full = (value: number) => tensor(new Float32Array(n).fill(value), [n]);
    const parameter = full(1);
    parameter.requiresGrad = true;
    parameter.grad = full(gradient);
    return { parameter, square: full(0), buffer: full(0), mean: full(0), lr: 0.25, weightDecay: 0 };
  };
  const options = { alpha: 0, eps: 0 };

  test("large and empty parameters", () => {
    const entries = [make(0), make(1), make(40_001)];
    expectClose(valuesOf(rmsprop(entries, options)), [2 * Math.sqrt(40_002)], 1e-7, "norm");
    for (const e of entries) expect(valuesOf(e.parameter).every((p) => p === 0.75)).toBe(true);
  });

  test("a norm that is not finite changes nothing, where asked", () => {
    const entries = [make(1), make(1, Number.POSITIVE_INFINITY)];
    rmsprop(entries, { ...options, momentum: 0.5, centered: true, skipNotFinite: true });
    for (const e of entries) {
      const values = [e.parameter, e.square, e.buffer, e.mean].map((t) => valuesOf(t)[0]);
      expect(values).toEqual([1, 0, 0, 0]);
    }
  });

  const alone = (more: object) => [{ ...make(2), ...more }];
  test.each<[string, () => unknown, string, string]>([
    ["alpha", () => rmsprop(alone({}), { alpha: 1, eps: 0 }), "ERR_ARGUMENT", "alpha must"],
    ["eps", () => rmsprop(alone({}), { alpha: 0.9, eps: -1 }), "ERR_ARGUMENT", "eps must"],
    ["momentum", () => rmsprop(alone({}), { ...options, momentum: -1 }), "ERR_ARGUMENT", "momentum must"],
    [
      "no buffer",
      () => rmsprop(alone({ buffer: null }), { ...options, momentum: 0.9 }),
      "ERR_ARGUMENT",
      "buffer[0] must",
    ],
    [
      "no mean",
      () => rmsprop(alone({ mean: null }), { ...options, centered: true }),
      "ERR_ARGUMENT",
      "mean[0] must",
    ],
    ["shape", () => rmsprop(alone({ square: tensor([0], [1]) }), options), "ERR_SHAPE", "square[0] must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
