// to_device: a copy on another device or queue, with the gradient coming back. Runs from the CPU to itself
// everywhere, and between devices where there is a GPU (or the emulated one).
import { afterAll, describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { devices, synchronize } from "../../src/tensor/device.js";
import { embedding, mul } from "../../src/tensor/ops.js";
import { copyToDevice, type Device, type DType, handles, tensor } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync, expectSameBits, randomData } from "../support/ops.js";

const gpu = devices().some(({ kind, available }) => kind === "cuda" && available);
const pairs: [Device, Device][] = gpu
  ? [
      ["cpu", "cpu"],
      ["cpu", "cuda:0"],
      ["cuda:0", "cpu"],
    ]
  : [["cpu", "cpu"]];

describe.each(pairs)("to_device from %s to %s", (from, to) => {
  const on = (data: ArrayLike<number>, shape: number[], requiresGrad = false) =>
    tensor(data, shape, { device: from, requiresGrad });

  test.each([[[0, 3]], [[]], [[1]], [[7, 5]], [[3, 100_000]]])("copies %j", async (shape) => {
    const data = randomData(shape, 1);
    const y = copyToDevice(on(data, shape), to, 0);
    expect([y.device, y.shape]).toEqual([to, shape]);
    expectSameBits(await y.data(), data, "copy");
  });

  test.each(["bf16", "i32", "i8", "u8"] as DType[])("copies %s", async (dtype) => {
    const x = tensor([1, 2, 3, 100], [2, 2], { device: from, dtype });
    const y = copyToDevice(x, to, 0);
    expect(y.dtype).toBe(dtype);
    expect([...(await y.data())]).toEqual([1, 2, 3, 100]);
  });

  test("a range of columns becomes whole rows", async () => {
    const y = copyToDevice(on([1, 2, 3, 4, 5, 6], [2, 3]).slice(1, 3, 1), to, 0);
    expect([...(await y.data())]).toEqual([2, 3, 5, 6]);
  });

  test("sees what was queued before, not what comes after", async () => {
    const x = on([1, 2], [2]);
    x.set([3, 4]);
    const y = copyToDevice(x, to, 0);
    x.set([5, 6]);
    expect([...(await y.data())]).toEqual([3, 4]);
    expect([...(await x.data())]).toEqual([5, 6]);
  });

  test("the gradient comes back to where the input is", async () => {
    const x = on([1, 2, 3], [3], true);
    const y = mul(copyToDevice(x, to, 0), 2);
    y.backward(tensor([1, 10, 100], [3], { device: to }));
    expect(x.grad?.device).toBe(from);
    expect([...(await x.grad!.data())]).toEqual([2, 20, 200]);
  });

  test("goes to the queue that is named", async () => {
    const { native } = getEngine();
    const queue = native.createQueue(to, 0);
    const y = copyToDevice(on([1, 2], [2]), to, queue);
    expect([...(await mul(y, 3).data())]).toEqual([3, 6]);
    native.removeQueue(queue);
  });

  test("a failure goes along", async () => {
    const table = on([1, 2], [2, 1]);
    const failed = embedding([{ table, ids: on(Int32Array.of(5), [1]) }]);
    await expectCodeAsync(() => copyToDevice(failed, to, 0).data(), "ERR_DATA", "5");
  });

  test("many at once, and one waiting for another", async () => {
    const copies = Array.from({ length: 50 }, (_, i) => {
      const there = copyToDevice(on([i], [1]), to, 0);
      return copyToDevice(mul(there, 2), from, 0);
    });
    for (let i = 49; i >= 0; i--) expect([...(await copies[i].data())]).toEqual([2 * i]);
  });
});

test("bad arguments", () => {
  const x = tensor([1], [1], { device: "cpu" });
  const { ops } = getEngine().native;
  expectCode(() => ops.to_device(handles.of(x), -2, 0), "ERR_ARGUMENT", "device must be -1");
  expectCode(() => ops.to_device(handles.of(x), -1, 999), "ERR_DISPOSED", "queue 999");
  expectCode(() => x.to("tpu" as never), "ERR_ARGUMENT", "device must be");
  if (!gpu) expectCode(() => x.to("cuda"), "ERR_CUDA", "");
});

afterAll(() => synchronize());
