// lstm and the CRF's ops on bf16 elements, which the CPU does not have: against fp32 of the rounded inputs on the CPU.
import { describe, expect, test } from "@jest/globals";
import { add, cast, crfDecode, crfNll, lstm, where } from "../../src/tensor/ops.js";
import { type Device, tensor } from "../../src/tensor/tensor.js";
import { compareBf16, gpu } from "../support/bf16.js";
import { expectCode, randomData } from "../support/ops.js";

const withGpu = gpu ? describe : describe.skip;
const integers = (device: Device, values: number[]) =>
  tensor(Int32Array.from(values), [values.length], { device });
const halved = (x: number) => x / 2;

withGpu("bf16 on CUDA", () => {
  test.each([false, true])("lstm, reverse %p", (reverse) => {
    const shapes = [[9, 6], [20, 6], [20, 5], [20], [20]];
    const run = (
      [x, weightIh, weightHh, biasIh, biasHh]: Parameters<Parameters<typeof compareBf16>[2]>[0],
      device: Device,
    ) => {
      const weights = { weightIh, weightHh, biasIh, biasHh };
      return lstm(x, integers(device, [0, 4, 4, 9]), weights, { reverse }).output;
    };
    compareBf16(shapes, [9, 5], run, { prepare: halved });
  });

  test("states of an lstm are f32, and so are their gradients", () => {
    compareBf16(
      [
        [6, 12],
        [12, 3],
      ],
      [2, 3],
      ([x, weightHh], device) => {
        const { hN, cN } = lstm(x, integers(device, [0, 2, 6]), { weightHh });
        return add(hN, cN);
      },
      { outType: "f32", prepare: halved },
    );
  });

  test.each(["mean", "none"] as const)("crf_nll, reduction %s", (reduction) => {
    const shapes = [[8, 5], [5, 5], [5], [5]];
    compareBf16(
      shapes,
      reduction === "mean" ? [] : [3],
      ([emissions, transitions, start, end], device) => {
        const tags = integers(device, [0, 1, 2, 3, 4, 0, 2, 1]);
        const scores = { transitions, start, end };
        return crfNll(emissions, integers(device, [0, 3, 3, 8]), tags, scores, { reduction });
      },
      { outType: "f32" },
    );
  });

  test("forbidden transitions of bf16", async () => {
    const cuda = { device: "cuda" as Device };
    const transitions = tensor(randomData([3, 3], 1), [3, 3], { ...cuda, requiresGrad: true });
    const allowed = tensor(Uint8Array.of(1, 0, 1, 1, 1, 1, 0, 1, 1), [3, 3], { ...cuda, dtype: "u8" });
    const [emissions, start, end] = [[4, 3], [3], [3]].map((shape, i) =>
      cast(tensor(randomData(shape, i + 2), shape, cuda), "bf16"),
    );
    const scores = {
      transitions: where(allowed, cast(transitions, "bf16"), Number.NEGATIVE_INFINITY),
      start,
      end,
    };
    const offsets = integers("cuda", [0, 4]);
    const loss = crfNll(emissions, offsets, integers("cuda", [0, 2, 1, 0]), scores);
    expect(await loss.item()).toBeGreaterThan(0);
    loss.backward();
    const gradient = await transitions.grad!.data();
    expect([gradient[1], gradient[6]]).toEqual([0, 0]);
    expect([...gradient].every(Number.isFinite)).toBe(true);
    const { tags } = crfDecode(emissions, offsets, scores);
    const path = [...(await tags.data())];
    path.slice(1).forEach((tag, i) => {
      expect([0 * 3 + 1, 2 * 3 + 0]).not.toContain(path[i] * 3 + tag);
    });
  });

  test("elements of one type", () => {
    const x = cast(tensor(randomData([2, 4], 1), [2, 4], { device: "cuda" }), "bf16");
    const weightHh = tensor(randomData([4, 1], 2), [4, 1], { device: "cuda" });
    const offsets = integers("cuda", [0, 2]);
    expectCode(() => lstm(x, offsets, { weightHh }), "ERR_DTYPE", "weightHh must be bf16, got f32");
    const scores = { transitions: weightHh, start: weightHh, end: weightHh };
    expectCode(() => crfDecode(x, offsets, scores), "ERR_DTYPE", "transitions must be bf16, got f32");
  });
});
