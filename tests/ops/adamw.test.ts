import { afterAll, describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { ready, setThreads } from "../../src/tensor/device.js";
import { adamw } from "../../src/tensor/ops/optimizer.js";
import { add, embedding, linear, mul, slice } from "../../src/tensor/ops.js";
import { handles, type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  countOf,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  randomData,
} from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;
const defaults = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1 };
afterAll(() => setThreads(2));

/** A parameter with zero moments. */
function entry(data: ArrayLike<number>, shape: number[], lr = 1e-3, weightDecay = 0) {
  const parameter = tensor(Float32Array.from(data), shape, { requiresGrad: true });
  const zero = () => tensor(new Float32Array(countOf(shape)), shape);
  return { parameter, m: zero(), v: zero(), lr, weightDecay };
}

describe("adamw", () => {
  test("PyTorch's parameters, moments and norms over five steps", async () => {
    for (const c of await fixtureCases("adamw")) {
      const get = (name: string) => c.tensors.get(name)!;
      const count = [...c.tensors.keys()].filter((name) => /^param\d+$/.test(name)).length;
      const entries = Array.from({ length: count }, (_, i) =>
        entry(get(`param${i}`).data, get(`param${i}`).shape, c.meta.lr, c.meta.weight_decay),
      );
      const [beta1, beta2] = c.meta.betas;
      for (let step = 1; step <= 5; step++) {
        entries.forEach((e, i) => {
          const gradient = get(`step${step}.grad${i}`);
          e.parameter.grad = tensor(gradient.data, gradient.shape);
        });
        const norm = adamw(entries, { beta1, beta2, eps: c.meta.eps, step, maxNorm: c.meta.max_norm ?? 0 });
        if (c.meta.max_norm) expectClose(bits(norm), [c.meta.grad_norms[step - 1]], 1e-6, `${c.case} norm`);
        entries.forEach((e, i) => {
          const label = `${c.case} step ${step}`;
          expectClose(bits(e.parameter), get(`step${step}.param${i}`).data, 2e-6, `${label} param${i}`);
          expectClose(bits(e.m), get(`step${step}.m${i}`).data, 2e-6, `${label} m${i}`);
          expectClose(bits(e.v), get(`step${step}.v${i}`).data, 2e-6, `${label} v${i}`);
        });
      }
    }
  });

  test("the norm is that of all gradients, also without clipping; sizes around the pieces", async () => {
    const shapes = [[0], [1], [7, 5], [32768], [32769], [3, 40000]];
    const entries = shapes.map((shape, i) => entry(randomData(shape, i), shape));
    let squares = 0;
    entries.forEach((e, i) => {
      const g = randomData(shapes[i], 50 + i);
      for (const value of g) squares += value * value;
      e.parameter.grad = tensor(g, shapes[i]);
    });
    const before = entries.map((e) => bits(e.parameter));
    const norm = adamw(entries, { ...defaults, step: 1 });
    expect(norm.shape).toEqual([]);
    expectClose(bits(norm), [Math.sqrt(squares)], 1e-7, "norm");
    // At step 1 every element moves by lr against its gradient's sign.
    entries.forEach((e, i) => {
      const [now, g] = [bits(e.parameter), bits(e.parameter.grad)];
      const expected = before[i].map((p, k) => p - 1e-3 * Math.sign(g[k]));
      expectClose(now, expected, 2e-6, `parameter ${i}`);
    });
  });

  test("gradients are left as they were", () => {
    const e = entry([1, 2], [2]);
    e.parameter.grad = tensor([30, 40], [2]);
    adamw([e], { ...defaults, maxNorm: 1 });
    expect([...bits(e.parameter.grad)]).toEqual([30, 40]);
  });

  test("parameters without a gradient are passed over; without any the norm is 0", () => {
    const [a, b] = [entry([1, 2], [2], 0.1), entry([3, 4], [2], 0.1, 0.5)];
    a.parameter.grad = tensor([1, 1], [2]);
    expect(bits(adamw([a, b], defaults))[0]).toBeCloseTo(Math.SQRT2, 6);
    expect([...bits(b.parameter), ...bits(b.m)]).toEqual([3, 4, 0, 0]);
    expect([...bits(adamw([b], defaults))]).toEqual([0]);
    expect([...bits(adamw([], defaults))]).toEqual([0]);
  });

  test("a norm that is not finite: as PyTorch, no special case", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const e = entry([1, 2], [2]);
      e.parameter.grad = tensor([bad, 1], [2]);
      expect(bits(adamw([e], { ...defaults, maxNorm: 1 }))[0]).toBe(bad);
      // torch 2.13: clip_grad_norm_ of (inf, 1) gives (NaN, 0), of (NaN, 1) NaN for both.
      expect([...bits(e.parameter)]).toEqual([Number.NaN, Number.isNaN(bad) ? Number.NaN : 2]);
      const plain = entry([1, 2], [2]);
      plain.parameter.grad = tensor([Number.NaN, 1], [2]);
      adamw([plain], defaults);
      expect(bits(plain.parameter)[0]).toBeNaN();
      expect(bits(plain.parameter)[1]).toBeCloseTo(2 - 1e-3, 6);
    }
  });

  test("one bad gradient: nothing changes, ready() says why, the next step works", async () => {
    const [a, b] = [entry([1, 2], [2, 1]), entry([3, 4], [2])];
    const bad = embedding([{ table: a.parameter, ids: tensor(Int32Array.of(9), [1]) }]);
    bad.backward(tensor([1], [1, 1]));
    b.parameter.grad = tensor([1, 1], [2]);
    const norm = adamw([a, b], defaults);
    expect([...bits(a.parameter), ...bits(b.parameter), ...bits(b.m), ...bits(b.v)]).toEqual([
      1, 2, 3, 4, 0, 0, 0, 0,
    ]);
    await expectCodeAsync(ready(), "ERR_DATA", "id 9 of tables[0]");
    await expectCodeAsync(norm.data(), "ERR_DATA", "id 9 of tables[0]");
    await ready();
    a.parameter.grad = null;
    adamw([a, b], defaults);
    expect(bits(b.parameter)[0]).toBeCloseTo(3 - 1e-3, 6);
    await ready();
  });

  test("parts of a packed parameter: each its own rate, a frozen one left alone", () => {
    const { native } = getEngine();
    const base = tensor([1, 2, 3, 4, 5, 6], [3, 2], { requiresGrad: true });
    const part = (row: number, rows: number) => handles.wrap(native.part(handles.of(base), row, rows));
    const zero = (rows: number) => tensor(new Float32Array(rows * 2), [rows, 2]);
    const parts = [part(0, 1), part(1, 1), part(2, 1)];
    parts[1].requiresGrad = false;
    const entries = parts.map((parameter, i) => ({
      parameter,
      m: zero(1),
      v: zero(1),
      lr: 0.1 * (i + 1),
      weightDecay: 0,
    }));
    linear(tensor([3, 4], [1, 2]), base).backward(tensor([1, 10, 2], [1, 3]));
    const norm = adamw(entries, defaults);
    expectClose(bits(norm), [Math.hypot(3, 4, 6, 8)], 1e-6, "norm"); // without the frozen part
    expectClose(bits(base), [0.9, 1.9, 3, 4, 4.7, 5.7], 1e-6, "packed");
    expect([...bits(entries[1].m)]).toEqual([0, 0]);
  });

  test("a forward, a step, then the old backward: ERR_VERSION", () => {
    const e = entry([1, 2], [2]);
    const loss = mul(e.parameter, e.parameter);
    e.parameter.grad = tensor([1, 1], [2]);
    adamw([e], defaults);
    expectCode(() => loss.backward(tensor([1, 1], [2])), "ERR_VERSION", "changed in place");
  });

  test("the same bits again, and with one thread", () => {
    const run = () => {
      const entries = [
        entry(randomData([70_001], 1), [70_001], 0.01, 0.1),
        entry(randomData([300], 2), [300], 0.01),
      ];
      for (let step = 1; step <= 3; step++) {
        entries.forEach((e, i) => {
          e.parameter.grad = tensor(randomData(e.parameter.shape, 10 * step + i), e.parameter.shape);
        });
        adamw(entries, { ...defaults, step, maxNorm: 1 });
      }
      return entries.flatMap((e) => [bits(e.parameter), bits(e.m), bits(e.v)]);
    };
    setThreads(2);
    const first = run();
    run().forEach((data, i) => {
      expectSameBits(data, first[i], `again ${i}`);
    });
    setThreads(1);
    run().forEach((data, i) => {
      expectSameBits(data, first[i], `one thread ${i}`);
    });
  });

  const e = () => entry([1, 2], [2]);
  const step =
    (parameters: object[], options: object = {}) =>
    () =>
      adamw(parameters as never, { ...defaults, ...options });
  const same = e();
  test.each<[string, () => unknown, string, string]>([
    ["beta1", step([e()], { beta1: 1 }), "ERR_ARGUMENT", "beta1 must"],
    ["beta2", step([e()], { beta2: -0.1 }), "ERR_ARGUMENT", "beta2 must"],
    ["eps", step([e()], { eps: -1 }), "ERR_ARGUMENT", "eps must"],
    ["step", step([e()], { step: 0 }), "ERR_ARGUMENT", "step must"],
    ["maxNorm", step([e()], { maxNorm: -1 }), "ERR_ARGUMENT", "maxNorm must"],
    ["lr", step([{ ...e(), lr: undefined }]), "ERR_ARGUMENT", "lr[0] must"],
    ["no tensor", step([e(), { ...e(), m: null }]), "ERR_ARGUMENT", "m[1] must"],
    ["moment's shape", step([{ ...e(), v: tensor([0], [1]) }]), "ERR_SHAPE", "v[0] must be (2), got (1)"],
    ["dtype", step([{ ...e(), m: tensor(new Int32Array(2), [2]) }]), "ERR_DTYPE", "m[0] must"],
    [
      "not a leaf",
      step([{ ...e(), parameter: add(same.parameter, same.parameter) }]),
      "ERR_ARGUMENT",
      "parameters[0] must",
    ],
    [
      "columns",
      step([{ ...entry([1, 2], [2, 1]), m: slice(tensor([1, 2, 3, 4], [2, 2]), 0, 1, 1) }]),
      "ERR_ARGUMENT",
      "m[0]",
    ],
    ["twice", step([same, same]), "ERR_ARGUMENT", "twice"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
