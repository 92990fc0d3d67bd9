import { describe, expect, test } from "@jest/globals";
import { writeRows } from "../../src/tensor/ops/cache.js";
import { add, mul } from "../../src/tensor/ops/elementwise.js";
import { type LstmWeights, lstm } from "../../src/tensor/ops/lstm.js";
import { sum } from "../../src/tensor/ops/reduce.js";
import { concat } from "../../src/tensor/ops/shape.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  type OpCase,
  randomData,
} from "../support/ops.js";
import { int32, offsetsOf, ragged } from "../support/ragged.js";

const parts = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

/** All layers and directions of a case, by a call each; the sum of outputs times upstream gradients as loss. */
function runFixture(c: OpCase) {
  const lengths = c.tensors.get("lengths")!.data;
  const offsets = int32(offsetsOf(lengths));
  const leaf = (name: string) => {
    const { data, shape } = c.tensors.get(name)!;
    return tensor(data as Float32Array, shape, { requiresGrad: true });
  };
  const [batch, , inputs] = c.tensors.get("x")!.shape;
  const rows = ragged(c.tensors.get("x")!.data, lengths, inputs);
  const leaves = new Map<string, Tensor>([
    ["x", tensor(rows, [rows.length / inputs, inputs], { requiresGrad: true })],
  ]);
  let x = leaves.get("x")!;
  const last: { hN: Tensor; cN: Tensor }[] = [];
  for (let layer = 0; layer < c.meta.layers; layer++) {
    const outputs: Tensor[] = [];
    for (const suffix of c.meta.bidirectional ? ["", "_reverse"] : [""]) {
      const names = parts.map((part) => `${part}_l${layer}${suffix}`);
      for (const name of names) leaves.set(name, leaf(name));
      const [weightIh, weightHh, biasIh, biasHh] = names.map((name) => leaves.get(name)!);
      const weights = { weightIh, weightHh, biasIh, biasHh };
      const states = lstm(x, offsets, weights, { reverse: suffix !== "" });
      outputs.push(states.output);
      last.push(states);
    }
    x = outputs.length > 1 ? concat(outputs, 1) : outputs[0];
  }
  const width = x.shape[1];
  const upstream = tensor(ragged(c.tensors.get("upstream.output")!.data, lengths, width), x.shape);
  let loss = sum(mul(x, upstream));
  const hidden = last[0].hN.shape[1];
  last.forEach(({ hN, cN }, i) => {
    for (const [state, name] of [
      [hN, "upstream.h_n"],
      [cN, "upstream.c_n"],
    ] as const) {
      const size = batch * hidden;
      const arrived = (c.tensors.get(name)!.data as Float32Array).slice(i * size, (i + 1) * size);
      loss = add(loss, sum(mul(state, tensor(arrived, [batch, hidden]))));
    }
  });
  loss.backward();
  return { lengths, x, last, leaves, width, inputs };
}

const cases = (await fixtureCases("lstm")).map((c) => [c.case, c] as const);

describe("lstm against torch.nn.LSTM on packed sequences", () => {
  test("there are cases with two layers, both directions and uneven lengths", () => {
    expect(cases.some(([, c]) => c.meta.layers === 2 && c.meta.bidirectional)).toBe(true);
    expect(cases.some(([, c]) => new Set(c.tensors.get("lengths")!.data).size > 1)).toBe(true);
  });

  test.each(cases)("%s", (_, c) => {
    scope(() => {
      const { lengths, x, last, leaves, width, inputs } = runFixture(c);
      const tolerance = fixtureTolerance(c);
      expectClose(x.dataSync(), ragged(c.tensors.get("output")!.data, lengths, width), tolerance, "output");
      const states = (pick: (of: { hN: Tensor; cN: Tensor }) => Tensor) =>
        last.flatMap((of) => Array.from(pick(of).dataSync()));
      expectClose(
        states(({ hN }) => hN),
        c.tensors.get("h_n")!.data,
        tolerance,
        "h_n",
      );
      expectClose(
        states(({ cN }) => cN),
        c.tensors.get("c_n")!.data,
        tolerance,
        "c_n",
      );
      for (const [name, leaf] of leaves) {
        const wanted = c.tensors.get(`grad.${name}`)!.data;
        const there = name === "x" ? ragged(wanted, lengths, inputs) : wanted;
        expectClose(leaf.grad!.dataSync(), there, tolerance, `grad.${name}`);
      }
    });
  });
});

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

/** In float64, step by step: outputs (T, H) and the last states (B, H). */
function reference(
  projected: ArrayLike<number>,
  offsets: readonly number[],
  weight: ArrayLike<number>,
  hidden: number,
  start: { h?: ArrayLike<number>; c?: ArrayLike<number> },
  reverse: boolean,
) {
  const batch = offsets.length - 1;
  const output = new Float64Array(offsets[batch] * hidden);
  const hN = new Float64Array(batch * hidden);
  const cN = new Float64Array(batch * hidden);
  for (let b = 0; b < batch; b++) {
    let h = Array.from({ length: hidden }, (_, i) => start.h?.[b * hidden + i] ?? 0);
    let c = Array.from({ length: hidden }, (_, i) => start.c?.[b * hidden + i] ?? 0);
    for (let step = 0; step < offsets[b + 1] - offsets[b]; step++) {
      const row = reverse ? offsets[b + 1] - 1 - step : offsets[b] + step;
      const entered = Array.from({ length: 4 * hidden }, (_, g) =>
        h.reduce((total, v, i) => total + weight[g * hidden + i] * v, projected[row * 4 * hidden + g]),
      );
      c = c.map(
        (v, i) => sigmoid(entered[hidden + i]) * v + sigmoid(entered[i]) * Math.tanh(entered[2 * hidden + i]),
      );
      h = c.map((v, i) => sigmoid(entered[3 * hidden + i]) * Math.tanh(v));
      output.set(h, row * hidden);
    }
    hN.set(h, b * hidden);
    cN.set(c, b * hidden);
  }
  return { output, hN, cN };
}

describe("lstm", () => {
  test.each([
    [[0], 3, false],
    [[1], 1, false],
    [[2, 0, 5, 1, 5, 3], 5, false],
    [[2, 0, 5, 1, 5, 3], 5, true],
    [Array.from({ length: 40 }, (_, i) => (7 * i) % 11), 17, false],
    [[], 4, true],
  ])("lengths %j, %d units, reverse %p, from given states", (lengths, hidden, reverse) => {
    const offsets = offsetsOf(lengths);
    const rows = offsets[lengths.length];
    const projected = randomData([rows, 4 * hidden], 1, 2);
    const weight = randomData([4 * hidden, hidden], 2, 0.7);
    const [h, c] = [randomData([lengths.length, hidden], 3), randomData([lengths.length, hidden], 4)];
    scope(() => {
      const run = () =>
        lstm(
          tensor(projected, [rows, 4 * hidden]),
          int32(offsets),
          { weightHh: tensor(weight, [4 * hidden, hidden]) },
          {
            reverse,
            h0: tensor(h, [lengths.length, hidden]),
            c0: tensor(c, [lengths.length, hidden]),
          },
        );
      const wanted = reference(projected, offsets, weight, hidden, { h, c }, reverse);
      const got = run();
      const again = run();
      for (const name of ["output", "hN", "cN"] as const) {
        expectClose(got[name].dataSync(), wanted[name], 2e-6, name);
        expectSameBits(again[name].dataSync(), got[name].dataSync(), name);
      }
    });
  });

  const lengths = [3, 1, 0, 4];
  const rows = 8;
  const offsets = offsetsOf(lengths);
  const inputs = [
    { shape: [rows, 2], data: randomData([rows, 2], 5) },
    { shape: [12, 2], data: randomData([12, 2], 6) },
    { shape: [12, 3], data: randomData([12, 3], 7) },
    { shape: [12], data: randomData([12], 8) },
    { shape: [12], data: randomData([12], 9) },
    { shape: [4, 3], data: randomData([4, 3], 10) },
    { shape: [4, 3], data: randomData([4, 3], 11) },
  ];

  test.each<["output" | "hN" | "cN", boolean]>([
    ["output", false],
    ["output", true],
    ["hN", true],
    ["cN", false],
  ])("gradients of %s against differences, reverse %p", async (name, reverse) => {
    await checkGradients((x, weightIh, weightHh, biasIh, biasHh, h0, c0) => {
      const weights: LstmWeights = { weightIh, weightHh, biasIh, biasHh };
      return lstm(x, int32(offsets), weights, { reverse, h0, c0 })[name];
    }, inputs);
  });

  test("gradients have the same bits again, and those of one direction with columns of a wider projection", () => {
    scope(() => {
      const wide = randomData([rows, 24], 12);
      const weight = randomData([12, 3], 13);
      const run = (cut: boolean) => {
        const x = tensor(wide, [rows, 24], { requiresGrad: true });
        const w = tensor(weight, [12, 3], { requiresGrad: true });
        const columns = x.slice(12, 24, 1);
        const y = lstm(cut ? columns : mul(columns, 1), int32(offsets), { weightHh: w }).output;
        sum(mul(y, y)).backward();
        return [y.dataSync(), x.grad!.dataSync(), w.grad!.dataSync()];
      };
      const first = run(true);
      for (const other of [run(true), run(false)]) {
        other.forEach((values, i) => {
          expectSameBits(values, first[i], `result ${i}`);
        });
      }
    });
  });

  test("a sequence gives the same bits whatever lies beside it", () => {
    scope(() => {
      const projected = randomData([9, 12], 14);
      const weightHh = tensor(randomData([12, 3], 15), [12, 3]);
      const alone = lstm(tensor(projected.subarray(0, 48), [4, 12]), int32([0, 4]), { weightHh }).output;
      const beside = lstm(tensor(projected, [9, 12]), int32([0, 4, 9]), { weightHh }).output;
      expectSameBits(Array.from(beside.dataSync()).slice(0, 12), alone.dataSync(), "output");
    });
  });

  test("of empty sequences alone the states pass through, with their gradients, and weights have none", () => {
    scope(() => {
      for (const reverse of [false, true]) {
        const leaf = (shape: number[], seed: number) =>
          tensor(randomData(shape, seed), shape, { requiresGrad: true });
        const [x, weightHh, h0, c0] = [leaf([0, 12], 1), leaf([12, 3], 2), leaf([2, 3], 3), leaf([2, 3], 4)];
        const { hN, cN } = lstm(x, int32([0, 0, 0]), { weightHh }, { reverse, h0, c0 });
        expectSameBits(hN.dataSync(), h0.dataSync(), "hN");
        expectSameBits(cN.dataSync(), c0.dataSync(), "cN");
        const upstream = tensor(randomData([2, 3], 5), [2, 3]);
        add(sum(mul(hN, upstream)), sum(mul(cN, c0))).backward();
        expectSameBits(h0.grad!.dataSync(), upstream.dataSync(), "h0");
        expectClose(
          c0.grad!.dataSync(),
          c0.dataSync().map((v: number) => 2 * v),
          1e-7,
          "c0",
        );
        expect([...weightHh.grad!.dataSync()]).toEqual(new Array(36).fill(0));
      }
    });
  });

  test("backward notices that something it needs was changed in place, and minds nothing else", () => {
    const change = (what: "x" | "weightHh" | "h0" | "c0" | "output") => {
      const given = {
        x: tensor(randomData([8, 12], 1), [8, 12], { requiresGrad: true }),
        weightHh: tensor(randomData([12, 3], 2), [12, 3]),
        h0: tensor(randomData([4, 3], 3), [4, 3]),
        c0: tensor(randomData([4, 3], 4), [4, 3]),
      };
      const { x, weightHh, h0, c0 } = given;
      const { output } = lstm(x, int32(offsets), { weightHh }, { h0, c0 });
      const target = { ...given, output }[what];
      const loss = sum(output);
      noGrad(() =>
        writeRows(target, int32([0]), tensor(new Float32Array(target.shape[1]), [1, target.shape[1]])),
      );
      return () => loss.backward();
    };
    for (const what of ["weightHh", "h0", "c0", "output"] as const) {
      expectCode(change(what), "ERR_VERSION", "changed in place");
    }
    expect(change("x")).not.toThrow();
  });

  test("misuse", async () => {
    const x = tensor(randomData([8, 12], 1), [8, 12]);
    const weightHh = tensor(randomData([12, 3], 2), [12, 3]);
    const run = (w: Tensor, more = {}) => lstm(x, int32(offsets), { weightHh: w }, more);
    expectCode(() => run(tensor([1, 2], [2, 1])), "ERR_SHAPE", "weightHh must be (4, 1), got (2, 1)");
    expectCode(() => run(tensor(randomData([8, 2], 1), [8, 2])), "ERR_SHAPE", "projected must be (8, 8)");
    expectCode(() => run(weightHh, { h0: x }), "ERR_SHAPE", "h0 must be (4, 3), got (8, 12)");
    expectCode(() => run(weightHh, { c0: int32([1]) }), "ERR_DTYPE", "c0 must be f32");
    expectCode(() => lstm(int32([1]), int32(offsets), { weightHh }), "ERR_DTYPE", "projected");
    expectCode(() => lstm(x, int32([0, 9]), { weightHh }), "ERR_ARGUMENT", "offsets must end");
    const biased = { weightHh, biasHh: tensor(randomData([12], 3), [12]) };
    expectCode(() => lstm(x, int32(offsets), biased), "ERR_ARGUMENT", "biases go with weightIh, got none");
    const late = int32(offsets);
    late.set(Int32Array.of(0, 3, 2, 4, 8));
    await expectCodeAsync(lstm(x, late, { weightHh }).output.data(), "ERR_DATA", "never decrease");
  });
});
