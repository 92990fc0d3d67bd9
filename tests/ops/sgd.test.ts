import { describe, expect, test } from "@jest/globals";
import { sgd } from "../../src/tensor/ops/optimizer.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode } from "../support/ops.js";
import { valuesOf as bits, replayFixture } from "../support/optimizer-fixtures.js";

describe("sgd", () => {
  test("PyTorch's parameters, buffers and norms over five steps", async () => {
    await replayFixture("sgd", {
      // What the buffer holds before the first step is not read.
      states: ({ momentum }): Record<string, number> => (momentum ? { buffer: Number.NaN } : {}),
      step: (parameters, meta) => sgd(parameters, { ...meta, maxNorm: meta.max_norm ?? 0 }),
    });
  });

  test("large and empty parameters", () => {
    const make = (n: number) => {
      const parameter = tensor(new Float32Array(n).fill(1), [n], { requiresGrad: true });
      parameter.grad = tensor(new Float32Array(n).fill(2), [n]);
      return { parameter, lr: 0.25, weightDecay: 1, first: true };
    };
    const entries = [make(0), make(1), make(40_001)];
    expectClose(bits(sgd(entries, {})), [2 * Math.sqrt(40_002)], 1e-7, "norm");
    for (const e of entries) expect(bits(e.parameter).every((p) => p === 0.25)).toBe(true);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "a gradient of %s changes nothing, where asked",
    (bad) => {
      for (const maxNorm of [0, 1]) {
        const make = (...gradient: number[]) => {
          const parameter = tensor([1, 2], [2], { requiresGrad: true });
          parameter.grad = tensor(gradient, [2]);
          return { parameter, buffer: tensor([3, 4], [2]), lr: 1, weightDecay: 0, first: false };
        };
        const entries = [make(1, 1), make(1, bad)];
        const options = { momentum: 0.9, maxNorm, skipNotFinite: true };
        expect(bits(sgd(entries, options))[0]).toBe(bad);
        for (const { parameter, buffer } of entries) {
          expect([...bits(parameter), ...bits(buffer)]).toEqual([1, 2, 3, 4]);
        }
        entries[1].parameter.grad = tensor([1, 1], [2]);
        expect(bits(sgd(entries, options))[0]).toBe(2);
        expect(bits(entries[0].parameter)[0]).toBeLessThan(1);
      }
    },
  );

  const e = (more: object = {}) => {
    const parameter = tensor([1, 2], [2], { requiresGrad: true });
    return [{ parameter, buffer: tensor([0, 0], [2]), lr: 1, weightDecay: 0, first: true, ...more }];
  };
  test.each<[string, () => unknown, string, string]>([
    ["momentum", () => sgd(e(), { momentum: -1 }), "ERR_ARGUMENT", "momentum must"],
    ["nesterov alone", () => sgd(e(), { nesterov: true }), "ERR_ARGUMENT", "nesterov needs"],
    [
      "nesterov damped",
      () => sgd(e(), { nesterov: true, momentum: 0.9, dampening: 0.1 }),
      "ERR_ARGUMENT",
      "nesterov needs",
    ],
    ["no buffer", () => sgd(e({ buffer: null }), { momentum: 0.9 }), "ERR_ARGUMENT", "buffer[0] must"],
    [
      "buffer shape",
      () => sgd(e({ buffer: tensor([0], [1]) }), { momentum: 0.9 }),
      "ERR_SHAPE",
      "buffer[0] must",
    ],
    ["maxNorm", () => sgd(e(), { maxNorm: -1 }), "ERR_ARGUMENT", "maxNorm must"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
