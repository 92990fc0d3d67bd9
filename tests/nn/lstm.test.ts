// nn.Lstm against torch.nn.LSTM: all layers and directions of the op's fixtures at once, by their parameters' names.
import { describe, expect, test } from "@jest/globals";
import { nn } from "../../src/index.js";
import { add, mul } from "../../src/tensor/ops/elementwise.js";
import { sum } from "../../src/tensor/ops/reduce.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { withStore } from "../support/nn.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  fixtureCases,
  fixtureTolerance,
  type OpCase,
  randomData,
} from "../support/ops.js";
import { int32, offsetsOf, ragged } from "../support/ragged.js";

const cases = (await fixtureCases("lstm")).map((c) => [c.case, c] as const);

function lstmOf(store: nn.ParameterStore, c: OpCase): nn.Lstm {
  const [, , inputs] = c.tensors.get("x")!.shape;
  const hidden = c.tensors.get("weight_hh_l0")!.shape[1];
  const { layers, bidirectional } = c.meta;
  return new nn.Lstm(store, "lstm", inputs, hidden, { layers, bidirectional });
}

describe("Lstm", () => {
  test.each(cases)("%s: parameters, output, states and gradients are PyTorch's", (_, c) => {
    withStore(
      (store) => lstmOf(store, c),
      (lstm, store) => {
        const names = [...c.tensors.keys()].filter((name) => /^(weight|bias)_/.test(name));
        expect([...store.all()].map(({ name }) => name).sort()).toEqual(
          names.map((name) => `lstm.${name}`).sort(),
        );
        for (const name of names) {
          store.get(`lstm.${name}`)!.tensor.set(c.tensors.get(name)!.data as Float32Array);
        }
        const lengths = c.tensors.get("lengths")!.data;
        const inputs = c.tensors.get("x")!.shape[2];
        const rows = ragged(c.tensors.get("x")!.data, lengths, inputs);
        const x = tensor(rows, [rows.length / inputs, inputs], { requiresGrad: true });
        const { output, hN, cN } = lstm.forward(x, int32(offsetsOf(lengths)));
        const given = (name: string) => c.tensors.get(name)!;
        const tolerance = fixtureTolerance(c);
        const width = lstm.outputSize;
        expectClose(output.dataSync(), ragged(given("output").data, lengths, width), tolerance, "output");
        expect([hN.shape, cN.shape]).toEqual([given("h_n").shape, given("c_n").shape]);
        expectClose(hN.dataSync(), given("h_n").data, tolerance, "h_n");
        expectClose(cN.dataSync(), given("c_n").data, tolerance, "c_n");

        const upstream = tensor(ragged(given("upstream.output").data, lengths, width), output.shape);
        const times = (t: Tensor, name: string) =>
          sum(mul(t, tensor(given(name).data as Float32Array, t.shape)));
        const states = add(times(hN, "upstream.h_n"), times(cN, "upstream.c_n"));
        add(sum(mul(output, upstream)), states).backward();
        for (const name of names) {
          const { grad } = store.get(`lstm.${name}`)!.tensor;
          expectClose(grad!.dataSync(), given(`grad.${name}`).data, tolerance, name);
        }
        expectClose(x.grad!.dataSync(), ragged(given("grad.x").data, lengths, inputs), tolerance, "x");
      },
    );
  });

  test("goes on from the states it ended with: two halves are the whole", () => {
    withStore(
      (store) => new nn.Lstm(store, "lstm", 3, 4, { layers: 2 }),
      (lstm) => {
        const x = randomData([10, 3], 1);
        const rows = (b: number, e: number) => tensor(x.subarray(3 * b, 3 * e), [e - b, 3]);
        const whole = lstm.forward(rows(0, 10), int32([0, 10]));
        const first = lstm.forward(rows(0, 6), int32([0, 6]));
        const second = lstm.forward(rows(6, 10), int32([0, 4]), { h0: first.hN, c0: first.cN });
        const halves = [...first.output.dataSync(), ...second.output.dataSync()];
        expectClose(halves, whole.output.dataSync(), 1e-6, "output");
        expectClose(second.hN.dataSync(), whole.hN.dataSync(), 1e-6, "hN");
        expectClose(second.cN.dataSync(), whole.cN.dataSync(), 1e-6, "cN");
      },
    );
  });

  test("gradients of the states it begins with, in both directions", async () => {
    await withStore(
      (store) => new nn.Lstm(store, "lstm", 2, 3, { bidirectional: true }),
      async (lstm) => {
        const run = (x: Tensor, h0: Tensor, c0: Tensor) =>
          lstm.forward(x, int32([0, 3, 5]), { h0, c0 }).output;
        await checkGradients(run, [
          { shape: [5, 2], data: randomData([5, 2], 1) },
          { shape: [2, 2, 3], data: randomData([2, 2, 3], 2) },
          { shape: [2, 2, 3], data: randomData([2, 2, 3], 3) },
        ]);
      },
    );
  });

  test("starts as PyTorch's does: uniformly within 1 / sqrt(H), biases too", () => {
    withStore(
      (store) => new nn.Lstm(store, "lstm", 50, 64),
      (_, store) => {
        for (const { name, tensor: t } of store.all()) {
          const values = [...t.dataSync()];
          const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
          expect([name, largest < 0.125 && largest > 0.115]).toEqual([name, true]);
          const mean = values.reduce((total, v) => total + v, 0) / values.length;
          expect([name, Math.abs(mean) < 4 * (0.125 / Math.sqrt(3 * values.length))]).toEqual([name, true]);
        }
      },
    );
  });

  test("nothing but results is left of a call", () => {
    withStore(
      (store) => new nn.Lstm(store, "lstm", 2, 3, { layers: 2, bidirectional: true }),
      (lstm) => {
        const shapes = scope(
          () => noGrad(() => lstm.forward(tensor([1, 2], [1, 2]), int32([0, 1, 1]))).hN.shape,
        );
        expect(shapes).toEqual([4, 2, 3]);
      },
    );
  });

  test("misuse", () => {
    const store = new nn.ParameterStore();
    const make = (input: number, hidden: number, layers?: number) => () =>
      new nn.Lstm(store, "lstm", input, hidden, { layers });
    expectCode(make(0, 3), "ERR_ARGUMENT", "Lstm: inputSize must be a positive integer, got 0");
    expectCode(make(2, 2.5), "ERR_ARGUMENT", "Lstm: hiddenSize must be a positive integer, got 2.5");
    expectCode(make(2, 3, 0), "ERR_ARGUMENT", "Lstm: layers must be a positive integer, got 0");
    expect([...store.all()]).toEqual([]);
  });
});
