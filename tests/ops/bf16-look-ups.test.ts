// Look-ups, segments and optimizers on CUDA with bf16 elements, which the CPU does not have: against fp32 of the
// rounded inputs on the CPU. And indices that only the GPU knows: the same errors, and the device works on.
import { describe, expect, test } from "@jest/globals";
import { devices, ready } from "../../src/tensor/device.js";
import { adamw, sgd } from "../../src/tensor/ops/optimizer.js";
import {
  cast,
  embedding,
  gatherRows,
  segmentCrossEntropy,
  segmentReduce,
  segmentSoftmax,
} from "../../src/tensor/ops.js";
import { type Device, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode, expectCodeAsync, expectSameBits, randomData } from "../support/ops.js";

const gpu = devices().some(({ kind, available }) => kind === "cuda" && available);
const withGpu = gpu ? describe : describe.skip;
const tolerance = 2 * 2 ** -8;
const tokens = [3, 0, 2, 3, 3, 1];

const rounded = (shape: number[], seed: number) =>
  cast(tensor(randomData(shape, seed), shape, { device: "cpu" }), "bf16").dataSync() as Float32Array;
const integers = (values: number[], device: Device) =>
  tensor(Int32Array.from(values), [values.length], { device });
const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;

/** A bf16 leaf on CUDA, its f32 twin on the CPU. */
function leaf(shape: number[], seed: number, device: Device): Tensor {
  const dtype = device === "cpu" ? "f32" : "bf16";
  return tensor(rounded(shape, seed), shape, { device, dtype, requiresGrad: true });
}

/** Runs on both devices and compares the result and the gradients of the leaves. */
function compare(shapes: number[][], run: (inputs: Tensor[], device: Device) => Tensor): void {
  const on = (device: Device) => {
    const leaves = shapes.map((shape, i) => leaf(shape, i + 1, device));
    const y = run(leaves, device);
    const wide = y.dtype === "f32" ? y : cast(y, "f32");
    wide.backward(tensor(rounded(y.shape, 9), y.shape, { device }));
    return [wide, ...leaves.map(({ grad }) => grad as Tensor)].map((t) => {
      expect(t.dtype).toBe("f32");
      return bits(t);
    });
  };
  const expected = on("cpu");
  on("cuda").forEach((values, i) => {
    expectClose(values, expected[i], tolerance, i === 0 ? "y" : `gradient ${i}`);
  });
}

withGpu("bf16 on CUDA", () => {
  test("embedding of three tables; their gradients are f32, also when they are added to", () => {
    const shapes = [
      [4, 24],
      [9, 24],
      [2, 24],
    ];
    compare(shapes, (tables, device) => {
      const look = () =>
        embedding([
          { table: tables[0], ids: integers(tokens, device), paddingIdx: 3 },
          { table: tables[1], ids: integers([0, 1, 2, 3, 4, 8], device) },
          { table: tables[2], ids: integers([0, 0, 1, 1, 0, 1], device) },
        ]);
      const first = look();
      const wide = first.dtype === "f32" ? first : cast(first, "f32");
      wide.backward(tensor(rounded(first.shape, 5), first.shape, { device }));
      return look();
    });
  });

  test("gatherRows", () => {
    compare([[4, 3, 5]], ([x], device) => gatherRows(x, integers(tokens, device)));
  });

  test.each(["sum", "mean", "max"] as const)("segmentReduce, %s", (kind) => {
    compare([[9, 20]], ([x], device) => segmentReduce(x, integers([0, 4, 5, 9], device), kind));
  });

  test("segmentSoftmax and segmentCrossEntropy", () => {
    compare([[9, 5]], ([x], device) => segmentSoftmax(x, integers([0, 4, 4, 9], device)));
    compare([[9]], ([x], device) =>
      segmentCrossEntropy(x, integers([0, 4, 5, 9], device), integers([3, 0, -100], device)),
    );
  });

  test("optimizers update the master weights; the parameter is what they round to", () => {
    const run = (device: Device, step: (p: Tensor, master: Tensor | null) => void) => {
      const start = rounded([70], 3);
      const parameter = leaf([70], 3, device);
      const master = device === "cpu" ? null : tensor(start, [70], { device });
      for (let i = 0; i < 5; i++) {
        parameter.grad = tensor(randomData([70], 20 + i), [70], { device });
        step(parameter, master);
      }
      if (master) {
        const kept = cast(tensor(bits(master), [70], { device: "cpu" }), "bf16");
        expectSameBits(bits(parameter), bits(kept), "bf16 parameter");
      }
      return bits(master ?? parameter);
    };
    const state = (p: Tensor) => tensor(new Float32Array(70), [70], { device: p.device as Device });
    const adamwOn = (device: Device) => {
      let moments: Tensor[] | undefined;
      let step = 0;
      return run(device, (parameter, master) => {
        moments ??= [state(parameter), state(parameter)];
        const entry = { parameter, m: moments[0], v: moments[1], master, lr: 1e-3, weightDecay: 0.1 };
        adamw([entry], { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: ++step, maxNorm: step % 2 });
      });
    };
    expectClose(adamwOn("cuda"), adamwOn("cpu"), 2e-6, "adamw");
    const sgdOn = (device: Device) => {
      let buffer: Tensor | undefined;
      return run(device, (parameter, master) => {
        const first = buffer === undefined;
        buffer ??= state(parameter);
        sgd([{ parameter, buffer, master, lr: 0.1, weightDecay: 0.1, first }], {
          momentum: 0.9,
          nesterov: true,
        });
      });
    };
    expectClose(sgdOn("cuda"), sgdOn("cpu"), 2e-6, "sgd");
  });

  test("a bf16 parameter comes with its master weights", () => {
    const parameter = leaf([3], 1, "cuda");
    const f32 = () => tensor(new Float32Array(3), [3], { device: "cuda" });
    const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1 };
    const entry = { parameter, m: f32(), v: f32(), lr: 0.1, weightDecay: 0 };
    expectCode(
      () => adamw([entry], options),
      "ERR_ARGUMENT",
      /master\[0\] must be given for a bf16 .* got none/,
    );
    const short = tensor([1], [1], { device: "cuda" });
    expectCode(() => adamw([{ ...entry, master: short }], options), "ERR_SHAPE", /master\[0\] must be \(3\)/);
    const half = tensor([1, 2, 3], [3], { device: "cuda", dtype: "bf16" });
    expectCode(() => adamw([{ ...entry, master: half }], options), "ERR_DTYPE", /master\[0\] must be f32/);
    expectCode(() => adamw([{ ...entry, master: entry.m }], options), "ERR_ARGUMENT", /different tensors/);
  });

  test("the tables of one call are of one type", () => {
    const [bf16, f32] = [leaf([4, 2], 1, "cuda"), tensor(rounded([4, 2], 1), [4, 2], { device: "cuda" })];
    const ids = integers([0], "cuda");
    expectCode(
      () =>
        embedding([
          { table: bf16, ids },
          { table: f32, ids },
        ]),
      "ERR_DTYPE",
      /tables\[1\] must be bf16, got f32/,
    );
  });
});

withGpu("integers that only the GPU knows", () => {
  /** The result of a command: no copy on the host. */
  const made = (values: number[]) =>
    gatherRows(integers(values, "cuda"), integers([...values.keys()], "cuda"));

  test("bad indices and offsets are errors, and the device works on", async () => {
    const x = tensor(rounded([4, 6], 1), [4, 6], { device: "cuda", requiresGrad: true });
    const cases: [Tensor, RegExp][] = [
      [gatherRows(x, made([0, 4, -1])), /gather_rows: index 4 outside 0\.\.3/],
      [embedding([{ table: x, ids: made([2, -7, 9]) }]), /embedding: id -7 of tables\[0\] outside 0\.\.3/],
      [segmentReduce(x, made([0, 3, 2, 4]), "mean"), /offsets must never decrease, got 3 then 2/],
      [
        segmentReduce(x, made([0, 2, 2, 4]), "max"),
        /max needs a row in every sequence, got none in sequence 1/,
      ],
      [segmentSoftmax(x, made([0, 9])), /offsets must end at the number of rows 4, got 9/],
    ];
    for (const [y, message] of cases) await expectCodeAsync(y.data(), "ERR_DATA", message);
    const good = gatherRows(x, made([3, 0]));
    expectSameBits(bits(good), [...bits(x).slice(18), ...bits(x).slice(0, 6)], "rows");
    await ready();
  });
});

test("master weights belong to bf16 parameters", () => {
  const one = () => tensor([1], [1], { device: "cpu", requiresGrad: true });
  const entry = { parameter: one(), m: one(), v: one(), master: one(), lr: 0.1, weightDecay: 0 };
  expectCode(
    () => adamw([entry], { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1 }),
    "ERR_ARGUMENT",
    /master\[0\] must be given for a bf16 parameter and for no other, got one for f32 parameters\[0\]/,
  );
  const half = tensor([1], [1], { device: "cpu", dtype: "bf16" });
  expectCode(
    () => sgd([{ parameter: half, lr: 0.1, weightDecay: 0, first: true }], {}),
    "ERR_DTYPE",
    /parameters\[0\] must be f32, got bf16/,
  );
});
