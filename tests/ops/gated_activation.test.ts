import { describe, expect, test } from "@jest/globals";
import { gelu, geluTanh, mul, relu, sigmoid, silu } from "../../src/tensor/ops/elementwise.js";
import {
  type GatedActivation,
  gatedActivation,
  gatedGelu,
  gatedGeluTanh,
  gatedRelu,
  gatedSilu,
} from "../../src/tensor/ops/gated.js";
import { split } from "../../src/tensor/ops/shape.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  evaluate,
  expectClose,
  expectCode,
  expectSameBits,
  randomData,
} from "../support/ops.js";

// The composition that the op replaces; its functions have PyTorch's fixtures (apply.test.ts).
const functions: [GatedActivation, (x: Tensor) => Tensor][] = [
  ["relu", relu],
  ["gelu", gelu],
  ["gelu_tanh", geluTanh],
  ["silu", silu],
  ["sigmoid", sigmoid],
];

const value: Record<GatedActivation, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => x * 0.5 * erfc(-x / Math.SQRT2),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

// erfc by its series, enough for |x| < 4 in float64.
function erfc(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return 1 - (2 / Math.sqrt(Math.PI)) * sum;
}

describe.each(functions)("gated %s", (name, f) => {
  test.each([
    [0, 3],
    [1, 1],
    [3, 17],
    [65, 33],
    [7, 3072],
    [2, 0],
  ])("(%d, 2 x %d): values against float64, gradients against the composition", (rows, width) => {
    const data = randomData([rows, 2 * width], 1);
    const upstream = randomData([rows, width], 2);
    const x = [{ shape: [rows, 2 * width], data }];
    const ours = evaluate((a) => gatedActivation(a, name), x, upstream);
    expect(ours.shape).toEqual([rows, width]);
    const at = (i: number, half: number) =>
      data[Math.floor(i / width) * 2 * width + half * width + (i % width)];
    const expected = Float64Array.from(upstream, (_, i) => value[name](at(i, 0)) * at(i, 1));
    expectClose(ours.output, expected, 5e-7, "output");
    const composed = evaluate(
      (a) => {
        const [gate, up] = split(a, 2);
        return mul(f(gate), up);
      },
      x,
      upstream,
    );
    expectClose(ours.gradients[0]!, composed.gradients[0]!, 3e-7, "gradient");
    const again = evaluate((a) => gatedActivation(a, name), x, upstream);
    expectSameBits(again.output, ours.output, "output again");
    expectSameBits(again.gradients[0]!, ours.gradients[0]!, "gradient again");
  });

  test("gradients against differences, also of a range of columns", async () => {
    // Away from relu's kink.
    const data = randomData([4, 10], 3).map((v) => (Math.abs(v) < 0.1 ? v + 0.3 : v));
    await checkGradients((x) => gatedActivation(x, name), [{ shape: [4, 10], data }]);
    await checkGradients((x) => gatedActivation(x.slice(1, 7, 1), name), [{ shape: [4, 10], data }]);
  });
});

describe("gated activations", () => {
  test("have a function each; any leading shape", async () => {
    const data = randomData([24], 5);
    const named: [GatedActivation, (x: Tensor) => Tensor][] = [
      ["relu", gatedRelu],
      ["gelu", gatedGelu],
      ["gelu_tanh", gatedGeluTanh],
      ["silu", gatedSilu],
    ];
    for (const [name, f] of named) {
      for (const shape of [[24], [3, 8], [2, 3, 4], [2, 2, 3, 2]]) {
        const y = f(tensor(data, shape));
        expect(y.shape).toEqual([...shape.slice(0, -1), shape[shape.length - 1] / 2]);
        expectSameBits(await y.data(), await gatedActivation(tensor(data, shape), name).data(), name);
      }
    }
  });

  test("NaN in the gate or beside it gives NaN there only", async () => {
    const y = await gatedSilu(tensor([1, Number.NaN, Number.NaN, 1, 2, 2, 2, 2], [2, 4])).data();
    expect([...y].map(Number.isNaN)).toEqual([true, true, false, false]);
  });

  test("misuse", () => {
    const x = tensor([1, 2, 3], [3]);
    expectCode(
      () => gatedGelu(x),
      "ERR_SHAPE",
      "gated_activation: x must have an even number of columns, got (3)",
    );
    expectCode(() => gatedGelu(tensor([1], [])), "ERR_SHAPE", "x must have");
    expectCode(() => gatedGelu(tensor(Int32Array.of(1, 2), [2])), "ERR_DTYPE", "x must be f32");
    expectCode(() => gatedActivation(x, "tanh" as never), "ERR_ARGUMENT", "activation must be one of relu");
    expectCode(() => gatedSilu(null as never), "ERR_ARGUMENT", "x");
  });
});
