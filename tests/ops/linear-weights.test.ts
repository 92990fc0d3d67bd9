// linear with weights in bf16 and i8, with a residual, and with the packed copies that are kept of weights.
import { describe, expect, test } from "@jest/globals";
import { memory, synchronize } from "../../src/tensor/device.js";
import { add, linear, mul, quantizeRows, sgd } from "../../src/tensor/ops.js";
import { noGrad } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { checkGradients, expectClose, expectCode, expectSameBits, randomData } from "../support/ops.js";

const bits = (t: Tensor) => t.dataSync() as Float32Array;

/** x (rows, wide) times the transpose of w (out, wide) in float64. */
function product(x: ArrayLike<number>, w: ArrayLike<number>, rows: number, wide: number, out: number) {
  const y = new Float64Array(rows * out);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let i = 0; i < wide; i++) sum += x[r * wide + i] * w[o * wide + i];
      y[r * out + o] = sum;
    }
  }
  return y;
}

/** Of data (rows, columns). */
function transposed(data: ArrayLike<number>, rows: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
}

const sizes = [
  [1, 5, 3],
  [3, 64, 49],
  [16, 96, 130],
  [17, 33, 48],
  [50, 800, 64],
  [300, 70, 97],
];

describe("bf16 weights", () => {
  for (const [rows, wide, out] of sizes) {
    test(`${rows} x ${wide} to ${out}: the product with the rounded weight, in fp32`, () => {
      const x = randomData([rows, wide], 1);
      const weight = tensor(randomData([out, wide], 2), [out, wide]).to("bf16");
      const expected = product(x, bits(weight), rows, wide, out);
      const y = noGrad(() => linear(tensor(x, [rows, wide]), weight));
      expectClose(bits(y), expected, 4e-7 * Math.sqrt(Math.max(wide, 16)), "y");
      const inOut = tensor(transposed(bits(weight), out, wide), [wide, out]).to("bf16");
      const turned = noGrad(() => linear(tensor(x, [rows, wide]), inOut, null, { weightLayout: "in_out" }));
      expectSameBits(bits(turned), bits(y), "in_out");
    });
  }
});

/** A row as 8 bits over its own range, which always holds 0. */
function roundedRow(x: Float32Array): number[] {
  const low = Math.min(0, ...x);
  const high = Math.max(0, ...x);
  const scale = (high - low) / 255;
  if (scale === 0) return Array.from(x, () => 0);
  const zero = Math.round(-low / scale);
  return Array.from(x, (v) => scale * (Math.min(255, Math.max(0, Math.round(v / scale) + zero)) - zero));
}

describe("i8 weights", () => {
  for (const [rows, wide, out] of sizes) {
    test(`${rows} x ${wide} to ${out}: exact on rounded rows`, () => {
      const x = randomData([rows, wide], 3);
      if (rows > 2) x.fill(0, wide, 2 * wide); // a row of zeros
      const { values, scale } = quantizeRows(tensor(randomData([out, wide], 4), [out, wide]));
      const bias = randomData([out], 5);
      const w = Array.from(values.dataSync(), (v, i) => v * scale.dataSync()[Math.floor(i / wide)]);
      const rounded = Array.from({ length: rows }, (_, r) =>
        roundedRow(x.subarray(r * wide, (r + 1) * wide)),
      ).flat();
      const expected = product(rounded, w, rows, wide, out).map((v, i) => v + bias[i % out]);
      const y = noGrad(() =>
        linear(tensor(x, [rows, wide]), values, tensor(bias, [out]), { weightScale: scale }),
      );
      // A value half way between two integers may fall to either: one step of one product.
      const range = Math.max(...x) - Math.min(...x);
      const step = ((range / 255) * Math.max(...w.map(Math.abs))) / Math.max(...expected.map(Math.abs));
      expectClose(bits(y), expected, step + 1e-6, "y");
    });
  }

  test("rounding costs about a hundredth of the largest output", () => {
    const [rows, wide, out] = [32, 768, 64];
    const x = randomData([rows, wide], 6);
    const w = randomData([out, wide], 7);
    const { values, scale } = quantizeRows(tensor(w, [out, wide]));
    const y = noGrad(() => linear(tensor(x, [rows, wide]), values, null, { weightScale: scale }));
    expectClose(bits(y), product(x, w, rows, wide, out), 0.015, "y");
  });

  test("a row with an infinity or a NaN becomes NaN, the others do not change", () => {
    const x = randomData([3, 40], 8);
    const { values, scale } = quantizeRows(tensor(randomData([5, 40], 9), [5, 40]));
    const run = () => bits(noGrad(() => linear(tensor(x, [3, 40]), values, null, { weightScale: scale })));
    const good = run();
    x[40 + 7] = Number.NEGATIVE_INFINITY;
    const bad = run();
    expect([...bad.subarray(5, 10)]).toEqual(new Array(5).fill(Number.NaN));
    expectSameBits(bad.subarray(0, 5), good.subarray(0, 5), "row 0");
    expectSameBits(bad.subarray(10), good.subarray(10), "row 2");
  });
});

describe("residual", () => {
  for (const activation of ["none", "relu", "gelu"] as const) {
    test(`${activation}: the sum of linear and residual, and its gradients`, async () => {
      const inputs = [
        { shape: [6, 10], data: randomData([6, 10], 1) },
        { shape: [7, 10], data: randomData([7, 10], 2) },
        { shape: [7], data: randomData([7], 3) },
        { shape: [6, 7], data: randomData([6, 7], 4) },
      ];
      const [x, weight, bias, residual] = inputs.map(({ data, shape }) => tensor(data, shape));
      const fused = linear(x, weight, bias, { activation, residual });
      expectSameBits(bits(fused), bits(add(linear(x, weight, bias, { activation }), residual)), "y");
      if (activation === "relu") return; // differences across its kink say nothing
      await checkGradients((a, w, b, r) => linear(a, w, b, { activation, residual: r }), inputs);
    });
  }

  test("relu's gradient goes by what entered it, not by the sum", () => {
    const x = tensor([1, -1], [2, 1], { requiresGrad: true });
    const residual = tensor([-5, 5], [2, 1], { requiresGrad: true });
    linear(x, tensor([2], [1, 1]), null, { activation: "relu", residual }).backward(tensor([1, 1], [2, 1]));
    expect([...bits(x.grad!)]).toEqual([2, 0]);
    expect([...bits(residual.grad!)]).toEqual([1, 1]);
  });

  test("a range of columns is read where it lies", () => {
    const wide = tensor(randomData([4, 9], 5), [4, 9]);
    const part = wide.slice(2, 5, 1);
    const [x, weight] = [tensor(randomData([4, 3], 6), [4, 3]), tensor(randomData([3, 3], 7), [3, 3])];
    expectSameBits(
      bits(linear(x, weight, null, { residual: part })),
      bits(add(linear(x, weight), part)),
      "y",
    );
  });
});

describe("weights that are used again", () => {
  const [wide, out] = [96, 200];
  // Made on the device: what was uploaded keeps its plain copy, which may be read at any time.
  const made = (seed: number) =>
    mul(tensor(randomData([out, wide], seed), [out, wide]), tensor([1], [1])).detach();

  for (const rows of [1, 16, 17, 40, 300]) {
    test(`${rows} rows: the same bits each time`, () => {
      const weight = made(1);
      const x = tensor(randomData([rows, wide], 2), [rows, wide]);
      const first = bits(noGrad(() => linear(x, weight)));
      for (let i = 0; i < 3; i++)
        expectSameBits(bits(noGrad(() => linear(x, weight))), first, `use ${i + 2}`);
      expectClose(first, product(bits(x), bits(weight), rows, wide, out), 4e-6, "y");
    });
  }

  test("hold no second copy, and still read, multiply and train as before", async () => {
    const weight = made(3);
    const before = bits(weight);
    const x = tensor(randomData([20, wide], 4), [20, wide]);
    await synchronize();
    const { live } = memory();
    for (let i = 0; i < 3; i++) noGrad(() => linear(x, weight)).dispose();
    await synchronize();
    // Panels are padded to whole vectors: 200 columns to 208.
    expect(memory().live - live).toBeLessThanOrEqual(wide * 8 * 4 + 4096);
    expectSameBits(bits(weight), before, "read back");
    const recorded = linear(tensor(bits(x), [20, wide], { requiresGrad: true }), weight);
    expectClose(bits(recorded), product(bits(x), before, 20, wide, out), 4e-6, "recorded");
  });

  test("are packed again after set() and after an optimizer step", () => {
    const weight = made(5);
    weight.requiresGrad = true;
    const x = tensor(randomData([18, wide], 6), [18, wide]);
    const check = (label: string) => {
      for (let i = 0; i < 3; i++) {
        const y = bits(noGrad(() => linear(x, weight)));
        expectClose(y, product(bits(x), bits(weight), 18, wide, out), 4e-6, `${label}, use ${i + 1}`);
      }
    };
    check("fresh");
    weight.set(randomData([out, wide], 7));
    check("set");
    const old = bits(weight);
    linear(x, weight).backward(tensor(randomData([18, out], 8), [18, out]));
    expectSameBits(bits(weight), old, "before the step");
    sgd([{ parameter: weight, lr: 0.5, weightDecay: 0, first: true }], {});
    expect(bits(weight)[5]).not.toBe(old[5]);
    check("stepped");
  });
});

test("misuse", () => {
  const x = tensor(randomData([2, 4], 1), [2, 4]);
  const f32 = tensor(randomData([3, 4], 2), [3, 4]);
  const { values, scale } = quantizeRows(f32);
  const trained = tensor(bits(x), [2, 4], { requiresGrad: true });
  expectCode(() => linear(x, values), "ERR_ARGUMENT", "linear: an i8 weight needs weightScale, got none");
  expectCode(
    () => linear(x, f32, null, { weightScale: scale }),
    "ERR_ARGUMENT",
    /goes with an i8 weight, got f32/,
  );
  expectCode(
    () => linear(x, values, null, { weightScale: tensor([1], [1]) }),
    "ERR_SHAPE",
    /weightScale must be \(3\), got \(1\)/,
  );
  expectCode(() => linear(trained, f32.to("bf16")), "ERR_DTYPE", /gradients need an f32 weight, got bf16/);
  expectCode(
    () => linear(trained, values, null, { weightScale: scale }),
    "ERR_DTYPE",
    /gradients need an f32 weight, got i8/,
  );
  expectCode(() => linear(x, tensor([1, 2, 3, 4], [1, 4], { dtype: "i32" })), "ERR_DTYPE", /got i32/);
  expectCode(
    () => linear(x, f32.to("bf16").slice(0, 2)),
    "ERR_ARGUMENT",
    /a weight in bf16 must be a whole tensor/,
  );
  expectCode(() => linear(x, f32, null, { residual: x }), "ERR_SHAPE", /residual must be \(2, 3\)/);
});
