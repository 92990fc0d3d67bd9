// The CUDA device as the engine sees it: where there is none, what is said; where there is one (a GPU, or the
// emulated one of `npm run build:emulated`), transfers, queues, memory and failures.
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { type Device, makeTensor } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync, expectSameBits, randomData } from "../support/ops.js";
import {
  devices,
  emptyCache,
  engineState,
  memory,
  ops,
  ready,
  scope,
  synchronize,
  tensor,
} from "./engine.js";
import { createQueue, root, runNode, tensorOn } from "./support.js";

const found = devices().filter(({ kind }) => kind === "cuda");
const usable = found.some(({ available }) => available);
const none = () => {};
const withCuda = usable ? describe : none;
const withoutCuda = usable ? none : describe;
const cuda = { device: "cuda" as Device };

withoutCuda("without a device", () => {
  test("is listed with the reason, and asking for it says the same", () => {
    expect(found).toHaveLength(1);
    const { name, available, reason } = found[0];
    expect([name, available]).toEqual(["cuda", false]);
    expect(reason).toMatch(
      /no CUDA in this build|no NVIDIA driver|driver is too old|no GPU|not answer|counted/,
    );
    for (const device of ["cuda", "cuda:3"] as Device[]) {
      expectCode(() => tensor([1], [1], { device }), "ERR_CUDA", reason!);
    }
    expectCode(() => memory("cuda"), "ERR_CUDA", reason!);
  });

  test('"auto" is the CPU', () => expect(tensor([1], [1]).device).toBe("cpu"));
});

withCuda("transfers", () => {
  test.each([[[]], [[0, 4]], [[3, 5]], [[1 << 20]]])("f32 %j there and back", async (shape) => {
    const data = randomData(shape, 3);
    const x = tensor(data, shape, cuda);
    expect(x.device).toBe("cuda:0");
    expectSameBits(await x.data(), data, "read");
    expectSameBits(x.dataSync(), data, "read at once");
  });

  test("a number beyond the last device", () => {
    expectCode(() => tensor([1], [1], { device: "cuda:77" }), "ERR_CUDA", "cuda:77");
    expectCode(() => tensor([1], [1], { device: "cuda:x" as Device }), "ERR_ARGUMENT", "cuda:x");
  });

  test("300 reads at once, awaited from the last to the first", async () => {
    const reads = Array.from({ length: 300 }, (_, i) => ops.add(tensor([i], [1], cuda), 1).data());
    for (let i = 299; i >= 0; i--) expect([...(await reads[i])]).toEqual([i + 1]);
  });

  test("a read sees what was queued before it, not what comes after", async () => {
    const x = tensor([1, 2], [2], cuda);
    const before = x.data();
    x.set([3, 4]);
    const after = x.data();
    expect([...(await before), ...(await after)]).toEqual([1, 2, 3, 4]);
  });

  test("tensors of two devices in one op are an error", () => {
    const [there, here] = [tensor([1], [1], cuda), tensor([1], [1], { device: "cpu" })];
    expectCode(() => ops.add(there, here), "ERR_DEVICE", "all tensors must be on");
  });
});

withCuda("queues", () => {
  test("what one queue makes another may use at once", async () => {
    const { native } = getEngine();
    const queues = [createQueue("high", "cuda"), createQueue("low", "cuda")];
    for (let round = 0; round < 20; round++) {
      const a = tensorOn(queues[round % 2], randomData([4096], round), [4096], "cuda");
      const doubled = ops.mul(a, 2);
      const b = tensorOn(queues[(round + 1) % 2], randomData([4096], round + 50), [4096], "cuda");
      const sum = ops.add(b, doubled);
      const [x, y] = [randomData([4096], round), randomData([4096], round + 50)];
      expectSameBits(
        await sum.data(),
        y.map((v, i) => Math.fround(v + Math.fround(x[i] * 2))),
        "sum",
      );
      for (const t of [a, doubled, b, sum]) t.dispose();
    }
    for (const queue of queues) native.removeQueue(queue);
  });

  test("freed memory is not given to another queue while it is in use", async () => {
    const { native } = getEngine();
    const queue = createQueue("normal", "cuda");
    const other = tensorOn(queue, [1], [1], "cuda");
    const results = Array.from({ length: 50 }, (_, i) => {
      const x = tensor(new Float32Array(10_000).fill(i), [10_000], cuda);
      const y = ops.add(ops.add(x, 0), other); // runs on the other queue
      x.dispose(); // its block may be handed out again at once
      tensor(new Float32Array(10_000).fill(-1), [10_000], cuda).dispose();
      return y;
    });
    for (let i = 0; i < results.length; i++) {
      expect(new Set(await results[i].data())).toEqual(new Set([i + 1]));
    }
    native.removeQueue(queue);
  });

  test("synchronize() waits for the device, and counts return to nothing", async () => {
    const x = tensor(randomData([256, 256], 1), [256, 256], cuda);
    scope(() => {
      for (let i = 0; i < 20; i++) ops.add(x, i);
    });
    await synchronize();
    expect(engineState().pendingCommands).toBe(0);
  });
});

withCuda("memory", () => {
  test("is live while tensors are, cached afterwards, and given back on request", async () => {
    await synchronize();
    emptyCache("cuda");
    const before = memory("cuda").live;
    const x = tensor(new Float32Array(1 << 16), [1 << 16], cuda);
    const y = ops.add(x, 1);
    await y.data();
    expect(memory("cuda").live - before).toBeGreaterThanOrEqual(2 * 4 * (1 << 16));
    x.dispose();
    y.dispose();
    await synchronize();
    expect(memory("cuda").live).toBe(before);
    expect(memory("cuda").cached).toBeGreaterThanOrEqual(2 * 4 * (1 << 16));
    emptyCache("cuda");
    expect(memory("cuda").cached).toBe(0);
    expect(memory("cuda").peak).toBe(before);
  });

  test("out of memory marks the result, and work goes on", async () => {
    const row = tensor([1], [1, 1], cuda);
    const huge = ops.normal([1 << 21, 1 << 22]); // 32 TiB
    await expectCodeAsync(
      () => ops.add(huge, row).slice(0, 1).slice(0, 1, 1).data(),
      "ERR_OUT_OF_MEMORY",
      "bytes were needed on cuda:0",
    );
    expect([...(await ops.add(row, 1).data())]).toEqual([2]);
    await ready();
  });

  test("the cache is given back before that", async () => {
    await synchronize();
    emptyCache("cuda");
    const total = devices().find(({ name }) => name === "cuda:0")!.memory;
    // A GPU fills its memory in no time; the emulated one gets its little by uploads.
    const fill = async (share: number) => {
      const count = Math.floor((total * share) / 4);
      const t = total > 2 ** 33 ? ops.normal([count]) : makeTensor(null, "f32", [count], "cuda", 0);
      const first = t.slice(0, 1);
      await first.data();
      first.dispose();
      return t;
    };
    (await fill(0.4)).dispose();
    await synchronize();
    expect(memory("cuda").cached).toBeGreaterThanOrEqual(Math.floor(0.4 * total) - 4);
    // Two of other sizes do not fit beside the cached one.
    for (const t of [await fill(0.3), await fill(0.5)]) t.dispose();
    await synchronize();
    emptyCache("cuda");
  }, 120_000);
});

// The emulated device has exactly the memory it was given; on a GPU nothing can be made to fault.
const emulated = found[0]?.memory === Number(process.env.CUDA_EMULATION_MEMORY ?? 4096) * 2 ** 20;

(usable && emulated ? describe : none)("a kernel's fault", () => {
  const faulting = { CUDA_EMULATION_FAULT: "3", ATHANOR_DEVICE: "cuda" };

  test.each(["reads", "queues", "moves", "trains"])(
    "%s: first cause everywhere, the CPU goes on",
    async (use) => {
      const script = join(root, "dist", "tests", "engine", "scripts", "device-fault.js");
      const { code, signal, output } = await runNode([script, use], faulting);
      expect(output.trim().split("\n")).toEqual([
        "first: ERR_CUDA cudaErrorIllegalAddress, an illegal memory access was encountered",
        "later: every one ERR_CUDA with the first cause",
        "listed: not available, with the first cause",
        "cpu: 3,5",
      ]);
      expect({ code, signal }).toEqual({ code: 0, signal: null });
    },
  );
});

afterAll(() => synchronize().catch(() => {}));
