// The functions behind the op `apply`, against PyTorch's numbers and float64.
import { describe, expect, test } from "@jest/globals";
import {
  exp,
  gelu,
  geluQuick,
  geluTanh,
  log,
  relu,
  sigmoid,
  silu,
  sqrt,
  tanh,
} from "../../src/tensor/ops/elementwise.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";

// The normal distribution function by its power series (|x| < 6) in float64.
function phi(x: number): number {
  if (x > 6) return 1;
  if (x < -6) return 0;
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

interface Case {
  fn: (x: Tensor) => Tensor;
  value: (x: number) => number;
  slope: (x: number) => number;
  positive?: boolean;
}

const cases: Record<string, Case> = {
  relu: { fn: relu, value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  gelu: {
    fn: gelu,
    value: (x) => x * phi(x),
    slope: (x) => phi(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  },
  geluTanh: {
    fn: geluTanh,
    value: (x) => 0.5 * x * (1 + Math.tanh(inner(x))),
    slope: (x) => {
      const t = Math.tanh(inner(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    },
  },
  geluQuick: {
    fn: geluQuick,
    value: (x) => x * logistic(1.702 * x),
    slope: (x) => logistic(1.702 * x) * (1 + 1.702 * x * (1 - logistic(1.702 * x))),
  },
  silu: {
    fn: silu,
    value: (x) => x * logistic(x),
    slope: (x) => logistic(x) * (1 + x * (1 - logistic(x))),
  },
  tanh: { fn: tanh, value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 },
  sigmoid: { fn: sigmoid, value: logistic, slope: (x) => logistic(x) * logistic(-x) },
  exp: { fn: exp, value: Math.exp, slope: Math.exp },
  log: { fn: log, value: Math.log, slope: (x) => 1 / x, positive: true },
  sqrt: { fn: sqrt, value: Math.sqrt, slope: (x) => 0.5 / Math.sqrt(x), positive: true },
};

function inputOf(c: Case, size: number): Float32Array {
  const x = randomData([size], size + 1, 2);
  // Away from the kink at 0 and the pole of the logarithm, so that the largest element does not hide the rest.
  return x.map((v) => (c.positive ? Math.abs(v) + 0.5 : v));
}

describe("apply, PyTorch 2.13.0 fixtures", () => {
  const named: Record<string, (x: Tensor) => Tensor> = {
    relu,
    gelu_erf: gelu,
    gelu_tanh: geluTanh,
    gelu_quick: geluQuick,
    silu,
    tanh,
    sigmoid,
  };
  test("activation: outputs and gradients", async () => {
    const all = await fixtureCases("activation");
    expect(all.map((c) => c.meta.activation).sort()).toEqual(Object.keys(named).sort());
    for (const c of all) {
      const x = c.tensors.get("x")!;
      const result = evaluate(named[c.meta.activation], [x], c.tensors.get("upstream")!.data);
      expectClose(result.output, c.tensors.get("output")!.data, fixtureTolerance(c), `${c.case} output`);
      expectClose(
        result.gradients[0]!,
        c.tensors.get("grad.x")!.data,
        fixtureTolerance(c),
        `${c.case} grad.x`,
      );
    }
  });
});

describe.each(Object.keys(cases))("apply: %s", (name) => {
  const c = cases[name];

  test.each([0, 1, 3, 17, 129, 40_001])("size %i against float64", (size) => {
    const x = inputOf(c, size);
    const dy = randomData([size], size + 2);
    const result = evaluate(c.fn, [{ shape: [size], data: x }], dy);
    expect(result.shape).toEqual([size]);
    expectClose(result.output, Float64Array.from(x, c.value), 2e-6, "value");
    const expected = Float64Array.from(x, (v, i) => c.slope(v) * dy[i]);
    expectClose(result.gradients[0]!, expected, 2e-6, "gradient");
  });

  test("gradient against differences", async () => {
    const data = inputOf(c, 24).map((v) => (Math.abs(v) < 0.1 ? v + 0.3 : v));
    await checkGradients(c.fn, [{ shape: [4, 6], data }]);
  });

  test("the same input gives the same bits", () => {
    const input = { shape: [3, 333], data: inputOf(c, 999) };
    const dy = randomData([999], 5);
    const [first, second] = [evaluate(c.fn, [input], dy), evaluate(c.fn, [input], dy)];
    expectSameBits(first.output, second.output, "value");
    expectSameBits(first.gradients[0]!, second.gradients[0]!, "gradient");
  });

  test("NaN goes through, also beside numbers", () => {
    const x = Float32Array.from({ length: 37 }, (_, i) => (i % 5 === 0 ? Number.NaN : 1 + i / 37));
    const result = evaluate(c.fn, [{ shape: [37], data: x }], new Float32Array(37).fill(1));
    for (let i = 0; i < x.length; i++) {
      expect([i, Number.isNaN(result.output[i])]).toEqual([i, i % 5 === 0]);
      expect([i, Number.isNaN(result.gradients[0]![i])]).toEqual([i, i % 5 === 0 && name !== "relu"]);
    }
  });
});

describe("apply: edges", () => {
  const at = (fn: (x: Tensor) => Tensor, values: number[]) =>
    Array.from(evaluate(fn, [{ shape: [values.length], data: values }]).output);

  test("infinities and zeros", () => {
    const inf = Number.POSITIVE_INFINITY;
    expect(at(exp, [-inf, inf, 0, -200, 200])).toEqual([0, inf, 1, 0, inf]);
    expect(at(log, [0, inf, 1])).toEqual([-inf, inf, 0]);
    expect(at(log, [-1])[0]).toBeNaN();
    expect(at(sqrt, [0, inf, 9])).toEqual([0, inf, 3]);
    expect(at(sqrt, [-1])[0]).toBeNaN();
    expect(at(tanh, [-inf, inf])).toEqual([-1, 1]);
    expect(at(sigmoid, [-inf, inf])).toEqual([0, 1]);
    expect(at(relu, [-inf, inf, -0.5])).toEqual([0, inf, 0]);
    for (const fn of [gelu, geluTanh, geluQuick, silu]) {
      expect(at(fn, [100, 1e30])).toEqual([100, Math.fround(1e30)]);
      // silu(-100) is -3.7e-42: a subnormal number, or the 0 that it is flushed to.
      for (const y of at(fn, [-100, -1e30])) expect(Math.abs(y)).toBeLessThan(4e-42);
    }
  });

  test("a scalar and a range of columns", () => {
    expect(evaluate(exp, [{ shape: [], data: [0] }], [2])).toMatchObject({
      shape: [],
      output: Float32Array.of(1),
    });
    const data = randomData([5, 7], 3);
    const columns = (t: Tensor) => relu(t.slice(2, 5, 1));
    const result = evaluate(columns, [{ shape: [5, 7], data }], new Float32Array(15).fill(1));
    const inside = (i: number) => i % 7 >= 2 && i % 7 < 5;
    expectSameBits(
      result.output,
      data.filter((_, i) => inside(i)).map((v) => Math.max(v, 0)),
      "value",
    );
    expectSameBits(
      result.gradients[0]!,
      data.map((v, i) => (inside(i) && v > 0 ? 1 : 0)),
      "gradient",
    );
  });

  test("misuse has its code", () => {
    expectCode(() => relu([1, 2] as never), "ERR_ARGUMENT", "relu: x must be a tensor");
    expectCode(() => gelu(tensor(Int32Array.of(1), [1])), "ERR_DTYPE", "x must be f32, got i32");
    const gone = tensor([1], [1]);
    gone.dispose();
    expectCode(() => exp(gone), "ERR_DISPOSED", "x");
  });
});
