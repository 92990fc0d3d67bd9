import { describe, expect, test } from "@jest/globals";
import { sgd } from "../../src/tensor/ops/optimizer.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode, fixtureCases } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

describe("sgd", () => {
  test("PyTorch's parameters, buffers and norms over five steps", async () => {
    for (const c of await fixtureCases("sgd")) {
      const get = (name: string) => c.tensors.get(name)!;
      const entries = [0, 1, 2].map((i) => {
        const { data, shape } = get(`param${i}`);
        // What the buffer holds before the first step is not read.
        const buffer = c.meta.momentum ? tensor(new Float32Array(data.length).fill(Number.NaN), shape) : null;
        const parameter = tensor(data, shape, { requiresGrad: true });
        return { parameter, buffer, lr: c.meta.lr, weightDecay: c.meta.weight_decay ?? 0, first: true };
      });
      for (let step = 1; step <= 5; step++) {
        entries.forEach((e, i) => {
          const gradient = c.tensors.get(`step${step}.grad${i}`);
          e.parameter.grad = gradient ? tensor(gradient.data, gradient.shape) : null;
        });
        const norm = sgd(entries, { ...c.meta, maxNorm: c.meta.max_norm ?? 0 });
        expectClose(bits(norm), [c.meta.grad_norms[step - 1]], 1e-6, `${c.case} norm`);
        entries.forEach((e, i) => {
          const label = `${c.case} step ${step}`;
          if (c.tensors.has(`step${step}.grad${i}`)) e.first = false;
          expectClose(bits(e.parameter), get(`step${step}.param${i}`).data, 2e-6, `${label} param${i}`);
          const buffer = c.tensors.get(`step${step}.buffer${i}`);
          if (buffer) expectClose(bits(e.buffer), buffer.data, 2e-6, `${label} buffer${i}`);
        });
      }
    }
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
