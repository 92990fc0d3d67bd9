import { afterAll, describe, expect, test } from "@jest/globals";
import { setThreads } from "../../src/tensor/device.js";
import { type Activation, concat, linear, slice, split, type WeightLayout } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";

function transposed(data: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  return result;
}

const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), shape, { requiresGrad: true });
const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

/** y = x W^T + b in float64, and the gradients for upstream g. W is (out, in). */
function reference(
  x: Float32Array,
  w: Float32Array,
  b: Float32Array | null,
  g: Float32Array,
  sizes: number[],
) {
  const [rows, wide, out] = sizes;
  const [y, dx] = [new Float64Array(rows * out), new Float64Array(rows * wide)];
  const [dw, db] = [new Float64Array(out * wide), new Float64Array(out)];
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let sum = b ? b[o] : 0;
      const upstream = g[r * out + o];
      for (let i = 0; i < wide; i++) {
        sum += x[r * wide + i] * w[o * wide + i];
        dx[r * wide + i] += upstream * w[o * wide + i];
        dw[o * wide + i] += upstream * x[r * wide + i];
      }
      y[r * out + o] = sum;
      db[o] += upstream;
    }
  }
  return { y, dx, dw, db };
}

// What fp32 costs a sum of n products of order one, against the largest of many: n^0.5 roundings, with room.
const tolerance = (n: number) => 4e-7 * Math.sqrt(Math.max(n, 16));

const layouts: WeightLayout[] = ["out_in", "in_out"];
afterAll(() => setThreads(2));

describe("linear against PyTorch", () => {
  for (const layout of layouts) {
    test(`fixtures, ${layout}`, async () => {
      for (const c of await fixtureCases("linear")) {
        const get = (name: string) => c.tensors.get(name)!;
        const [out, wide] = get("weight").shape;
        const turn = (data: ArrayLike<number>, rows: number, columns: number) =>
          layout === "out_in" ? data : transposed(data, rows, columns);
        const x = leaf(get("x").data, get("x").shape);
        const shape = layout === "out_in" ? [out, wide] : [wide, out];
        const weight = leaf(turn(get("weight").data, out, wide), shape);
        const bias = c.meta.has_bias ? leaf(get("bias").data, [out]) : null;
        const activation: Activation = c.meta.activation === "gelu_erf" ? "gelu" : c.meta.activation;
        const y = linear(x, weight, bias, { activation, weightLayout: layout });
        expect(y.shape).toEqual(get("output").shape);
        y.backward(tensor(get("upstream").data, y.shape));
        const allowed = fixtureTolerance(c);
        expectClose(bits(y), get("output").data, allowed, `${c.case} output`);
        expectClose(bits(x.grad), get("grad.x").data, allowed, `${c.case} grad.x`);
        const gradWeight = layout === "out_in" ? bits(weight.grad) : transposed(bits(weight.grad), wide, out);
        expectClose(gradWeight, get("grad.weight").data, allowed, `${c.case} grad.weight`);
        if (bias) expectClose(bits(bias.grad), get("grad.bias").data, allowed, `${c.case} grad.bias`);
      }
    });
  }
});

describe("linear against a float64 loop", () => {
  const sizes = [
    [0, 3, 4],
    [3, 0, 4],
    [3, 4, 0],
    [1, 1, 1],
    [2, 1, 300],
    [5, 33, 17],
    [129, 64, 48],
    [300, 70, 131],
    [1000, 5, 7],
  ];
  for (const [rows, wide, out] of sizes) {
    for (const layout of layouts) {
      test(`(${rows}, ${wide}) to ${out}, ${layout}`, () => {
        const x = randomData([rows, wide], 1);
        const w = randomData([out, wide], 2);
        const b = randomData([out], 3);
        const g = randomData([rows, out], 4);
        const expected = reference(x, w, b, g, [rows, wide, out]);
        const [tx, tb] = [leaf(x, [rows, wide]), leaf(b, [out])];
        const tw = layout === "out_in" ? leaf(w, [out, wide]) : leaf(transposed(w, out, wide), [wide, out]);
        const y = linear(tx, tw, tb, { weightLayout: layout });
        y.backward(tensor(g, [rows, out]));
        expectClose(bits(y), expected.y, tolerance(wide), "y");
        expectClose(bits(tx.grad), expected.dx, tolerance(out), "dx");
        const dw = layout === "out_in" ? bits(tw.grad) : transposed(bits(tw.grad), wide, out);
        expectClose(dw, expected.dw, tolerance(rows), "dw");
        expectClose(bits(tb.grad), expected.db, tolerance(rows), "db");
      });
    }
  }

  test("the bias gradient of many equal rows loses nothing to a running sum", () => {
    const rows = 50_000;
    const bias = leaf([0, 0], [2]);
    const y = linear(tensor(new Float32Array(rows), [rows, 1]), tensor([0, 0], [2, 1]), bias);
    y.backward(tensor(new Float32Array(rows * 2).fill(0.1), [rows, 2]));
    expectClose(bits(bias.grad), [rows * Math.fround(0.1), rows * Math.fround(0.1)], 2e-6, "db");
  });

  test("leading dimensions: one to four", () => {
    const w = randomData([3, 4], 1);
    const x = randomData([2, 3, 2, 4], 2);
    const weight = tensor(w, [3, 4]);
    const y4 = linear(tensor(x, [2, 3, 2, 4]), weight);
    expect(y4.shape).toEqual([2, 3, 2, 3]);
    expectSameBits(bits(y4), bits(linear(tensor(x, [12, 4]), weight)), "rank 4");
    const y1 = linear(tensor(x.subarray(0, 4), [4]), weight);
    expect(y1.shape).toEqual([3]);
    expectClose(bits(y1), bits(y4).subarray(0, 3), 1e-6, "rank 1");
  });

  test("NaN and infinity go through, and relu keeps NaN", () => {
    const weight = tensor([1, 0, 0, 1], [2, 2]);
    for (const activation of ["none", "relu"] as const) {
      const y = bits(linear(tensor([Number.NaN, 1], [1, 2]), weight, null, { activation }));
      expect(y[0]).toBeNaN();
    }
  });
});

describe("linear gradients", () => {
  for (const activation of ["none", "gelu", "gelu_tanh", "gelu_quick", "silu", "tanh", "sigmoid"] as const) {
    for (const weightLayout of layouts) {
      test(`${activation}, ${weightLayout}: central differences`, async () => {
        const weightShape = weightLayout === "out_in" ? [4, 5] : [5, 4];
        await checkGradients(
          (x, w, b) => linear(x, w, b, { activation, weightLayout }),
          [
            { shape: [3, 5], data: randomData([3, 5], 1) },
            { shape: weightShape, data: randomData(weightShape, 2, 0.5) },
            { shape: [4], data: randomData([4], 3) },
          ],
        );
      });
    }
  }

  test("relu: the upstream gradient where z is positive", () => {
    const x = leaf([1, -1, 0, 2], [4, 1]);
    linear(x, tensor([1], [1, 1]), null, { activation: "relu" }).backward(tensor([5, 6, 7, 8], [4, 1]));
    expect([...bits(x.grad)]).toEqual([5, 0, 0, 8]);
  });

  test("ranges of columns: x read and gradients arriving in place give the same bits", () => {
    const wide = randomData([6, 10], 1);
    const narrow = new Float32Array(6 * 4);
    for (let r = 0; r < 6; r++) narrow.set(wide.subarray(r * 10 + 3, r * 10 + 7), r * 4);
    const w = randomData([8, 4], 2);
    const g = randomData([6, 8], 3);
    const run = (x: Tensor, cut: boolean) => {
      const [weight, bias] = [leaf(w, [8, 4]), leaf(new Float32Array(8), [8])];
      let y = linear(x, weight, bias);
      // Through split and concat the gradient of y arrives as two ranges of columns that lie side by side.
      if (cut) y = concat(split(y, 2), 1);
      y.backward(tensor(g, [6, 8]));
      return [bits(y), bits(weight.grad), bits(bias.grad)];
    };
    const inPlace = run(slice(tensor(wide, [6, 10]), 3, 7, 1), true);
    const copied = run(tensor(narrow, [6, 4]), false);
    inPlace.forEach((data, i) => {
      expectSameBits(data, copied[i], `tensor ${i}`);
    });
  });

  test("nothing is computed for what is frozen", () => {
    const [x, w, b] = [leaf([1, 2], [1, 2]), leaf([1, 2, 3, 4], [2, 2]), leaf([0, 0], [2])];
    w.requiresGrad = false;
    b.requiresGrad = false;
    linear(x, w, b, { activation: "tanh" }).backward(tensor([1, 1], [1, 2]));
    expect(x.grad).not.toBeNull();
    expect(w.grad).toBeNull();
    expect(b.grad).toBeNull();
    x.requiresGrad = false;
    w.requiresGrad = true;
    linear(x, w, b).backward(tensor([1, 2], [1, 2]));
    expect([...bits(w.grad)]).toEqual([1, 2, 2, 4]);
  });

  test("a weight changed in place before backward is ERR_VERSION; unused by it, it may change", () => {
    const [x, w] = [leaf([1, 2], [1, 2]), leaf([1, 2, 3, 4], [2, 2])];
    const y = linear(x, w);
    w.set([0, 0, 0, 0]);
    expectCode(() => y.backward(tensor([1, 1], [1, 2])), "ERR_VERSION", "linear");
    const constant = tensor([1, 2], [1, 2]);
    const z = linear(constant, w); // only x is needed for the gradient of w
    w.set([1, 1, 1, 1]);
    z.backward(tensor([1, 1], [1, 2]));
    expect([...bits(w.grad)]).toEqual([1, 2, 1, 2]);
  });

  test("the same bits again, and with one thread", () => {
    const run = () => {
      const [x, w] = [leaf(randomData([700, 96], 1), [700, 96]), leaf(randomData([130, 96], 2), [130, 96])];
      const b = leaf(randomData([130], 3), [130]);
      const y = linear(x, w, b, { activation: "gelu" });
      y.backward(tensor(randomData([700, 130], 4), [700, 130]));
      return [bits(y), bits(x.grad), bits(w.grad), bits(b.grad)];
    };
    setThreads(2);
    const first = run();
    const again = run();
    setThreads(1);
    const alone = run();
    for (let i = 0; i < 4; i++) {
      expectSameBits(again[i], first[i], `again ${i}`);
      expectSameBits(alone[i], first[i], `one thread ${i}`);
    }
  });
});

describe("linear misuse", () => {
  const x = () => tensor(new Float32Array(6), [2, 3]);
  const weight = () => tensor(new Float32Array(12), [4, 3]);
  const ids = () => tensor(new Int32Array(6), [2, 3]);
  test.each<[string, () => unknown, string, string]>([
    ["x of another width", () => linear(tensor([1, 2], [1, 2]), weight()), "ERR_SHAPE", "x must"],
    ["weight not a matrix", () => linear(x(), tensor([1, 2, 3], [3])), "ERR_SHAPE", "weight must"],
    [
      "the other layout",
      () => linear(x(), weight(), null, { weightLayout: "in_out" }),
      "ERR_SHAPE",
      "x must",
    ],
    ["bias", () => linear(x(), weight(), tensor([1, 2, 3], [3])), "ERR_SHAPE", "bias must"],
    ["scalar x", () => linear(tensor([1], []), weight()), "ERR_SHAPE", "x must"],
    ["x i32", () => linear(ids(), weight()), "ERR_DTYPE", "x must"],
    ["weight i32", () => linear(x(), ids()), "ERR_DTYPE", "weight must"],
    ["bias i32", () => linear(x(), weight(), tensor(new Int32Array(4), [4])), "ERR_DTYPE", "bias must"],
    [
      "activation",
      () => linear(x(), weight(), null, { activation: "exp" as never }),
      "ERR_ARGUMENT",
      "activation",
    ],
    [
      "layout",
      () => linear(x(), weight(), null, { weightLayout: "io" as never }),
      "ERR_ARGUMENT",
      "weightLayout",
    ],
    ["no tensor", () => linear(x(), null as never), "ERR_ARGUMENT", "weight must"],
  ])("%s", (_, fn, code, mention) => expectCode(fn, code, mention));

  test("disposed", () => {
    const w = weight();
    w.dispose();
    expectCode(() => linear(x(), w), "ERR_DISPOSED", "weight");
  });
});
