import { describe, expect, test } from "@jest/globals";
import { makeTensor } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";
import {
  devices,
  emptyCache,
  memory,
  ops,
  ready,
  scope,
  synchronize,
  type Tensor,
  tensor,
} from "./engine.js";
import { numbers, partOf, rejection, runNode } from "./support.js";

const parameter = () => tensor([1, 1, 2, 2, 3, 3], [3, 2], { requiresGrad: true });

/** Row 9 of a table of three: found when the command runs. */
function badRows(table: Tensor): Tensor {
  return ops.embedding([{ table, ids: tensor(Int32Array.of(0, 9), [2]) }]);
}

describe("a command that fails", () => {
  test("gives the first cause to whoever reads, also through other ops", async () => {
    const bad = badRows(parameter());
    const later = ops.sum(ops.mul(ops.add(bad, 1), 2));
    for (const t of [bad, later, ops.linear(later.reshape([1, 1]), tensor([1], [1, 1]))]) {
      const error = await rejection(t.data());
      expect(error.code).toBe("ERR_DATA");
      expect(error.message).toMatch(/^embedding: .*9/);
      expect((error.cause as Error).stack).toContain("badRows");
      expectCode(() => t.dataSync(), "ERR_DATA", "embedding: ");
    }
  });

  test("without the stack under noGrad, but with op and message", async () => {
    const bad = scope(() => ops.gatherRows(tensor([1, 2], [2, 1]), tensor(Int32Array.of(5), [1])));
    const error = await rejection(bad.data());
    expect(error.message).toMatch(/^gather_rows: /);
  });

  test("an error thrown by the call itself has no other cause", () => {
    try {
      ops.add(tensor([1, 2], [2]), tensor([1, 2, 3], [3]));
    } catch (error) {
      expect((error as Error).cause).toBeUndefined();
      expect((error as Error).stack).toContain("failures.test");
      return;
    }
    throw new Error("nothing was thrown");
  });

  test("leaves unrelated work alone, on its queue and others", async () => {
    const table = parameter();
    const bad = badRows(table);
    const good = ops.mul(table, 2);
    await expectCodeAsync(bad.data(), "ERR_DATA", "embedding");
    expect(await numbers(good)).toEqual([2, 2, 4, 4, 6, 6]);
  });

  test("skips an update whole: parameters keep their bits, the next ready() rejects once", async () => {
    const [table, other] = [parameter(), tensor([7, 8], [2], { requiresGrad: true })];
    const entries = [other, table].map((p) => ({
      parameter: p,
      m: tensor(new Float32Array(p.size), p.shape),
      v: tensor(new Float32Array(p.size), p.shape),
      lr: 0.1,
      weightDecay: 0.01,
    }));
    const step = () => ops.adamw(entries, { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1, maxNorm: 1 });
    ops.sum(ops.mul(other, other)).backward();
    ops.sum(badRows(table)).backward();
    const norm = step();
    expect(await numbers(table)).toEqual([1, 1, 2, 2, 3, 3]);
    expect(await numbers(other)).toEqual([7, 8]);
    expect(await numbers(entries[0].m)).toEqual([0, 0]);
    await expectCodeAsync(norm.data(), "ERR_DATA", "embedding");
    const error = await rejection(ready());
    expect(error.code).toBe("ERR_DATA");
    expect((error.cause as Error).stack).toContain("badRows");
    await ready();
    await synchronize();

    table.grad = null;
    ops.sum(ops.mul(table, table)).backward();
    step();
    expect((await numbers(table))![0]).toBeLessThan(1);
    expect((await numbers(other))![0]).toBeLessThan(7);
    await ready();
  });

  test("synchronize() rejects like ready()", async () => {
    const table = parameter();
    ops.sum(badRows(table)).backward();
    ops.sgd([{ parameter: table, lr: 1, weightDecay: 0, first: true }], {});
    await expectCodeAsync(synchronize(), "ERR_DATA", "embedding");
    await synchronize();
  });

  test("marks an accumulated gradient; clearing heals it", async () => {
    const table = parameter();
    ops.sum(table).backward();
    ops.sum(badRows(table)).backward();
    ops.sum(table).backward();
    await expectCodeAsync(table.grad!.data(), "ERR_DATA", "embedding");
    table.grad = null;
    ops.sum(table).backward();
    expect(await numbers(table.grad)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("set() heals a whole tensor, but a part of one does not heal the rest", async () => {
    const bad = badRows(parameter()).detach();
    partOf(bad, 0, 1).set([4, 4]);
    await expectCodeAsync(bad.data(), "ERR_DATA", "embedding");
    bad.set([1, 2, 3, 4]);
    expect(await numbers(bad)).toEqual([1, 2, 3, 4]);
  });
});

describe("out of memory", () => {
  test("2^45 bytes: an error that can be caught, and the engine works afterwards", async () => {
    await synchronize();
    const before = memory().live;
    const result = scope(() => ops.sum(ops.uniform([2 ** 22, 2 ** 21])));
    const error = await rejection(result.data());
    expect(error.code).toBe("ERR_OUT_OF_MEMORY");
    expect(error.message).toMatch(/^random: out of memory: 35184372088832 bytes/);
    expectCode(() => makeTensor(null, "f32", [2 ** 22, 2 ** 21], "cpu", 0), "ERR_OUT_OF_MEMORY", "bytes");
    result.dispose();
    expect(await numbers(ops.add(tensor([1], [1]), 1))).toEqual([2]);
    await synchronize();
    expect(memory().live - before).toBeLessThan(1000);
  });

  test("a shape whose sizes overflow together", () => {
    const [tall, wide] = [tensor([], [2 ** 40, 0]), tensor([], [0, 2 ** 40])];
    expectCode(() => ops.matmul(tall, wide), "ERR_OUT_OF_MEMORY", "matmul");
    expectCode(() => makeTensor(null, "f32", [2 ** 40, 2 ** 40], "cpu", 0), "ERR_SHAPE", "too large");
  });

  test("more than the machine has, in pieces", async () => {
    const size = 2 ** 28; // 1 GB each; only the room is counted, nothing is written
    const held: Tensor[] = [];
    expectCode(
      () => {
        for (let i = 0; i < 20000; i++) held.push(makeTensor(null, "f32", [size], "cpu", 0));
      },
      "ERR_OUT_OF_MEMORY",
      "are in use",
    );
    for (const t of held) t.dispose();
    emptyCache();
    expect(await numbers(ops.add(tensor([1], [1]), 1))).toEqual([2]);
  });
});

describe("devices", () => {
  test("the CPU is there; CUDA says why not", () => {
    const list = devices();
    expect(list.find((d) => d.name === "cpu")).toMatchObject({ kind: "cpu", available: true });
    const cuda = list.find((d) => d.kind === "cuda");
    if (!cuda?.available) expect(cuda?.reason).toMatch(/CUDA|NVIDIA|GPU/);
    expect(list[0].memory).toBeGreaterThan(1e8);
  });

  test("cuda without CUDA is ERR_CUDA with the sentence, an unknown device ERR_ARGUMENT", () => {
    if (!devices().some((d) => d.kind === "cuda" && d.available)) {
      for (const device of ["cuda", "cuda:1"] as const) {
        expectCode(() => tensor([1], [1], { device }), "ERR_CUDA", /CUDA|NVIDIA|GPU/);
        expectCode(() => memory(device), "ERR_CUDA", device);
        expectCode(() => tensor([1], [1]).to(device), "ERR_CUDA", device);
      }
    }
    for (const device of ["gpu", "cuda:x", "cuda:", ""]) {
      expectCode(() => tensor([1], [1], { device: device as "cpu" }), "ERR_ARGUMENT", 'got "');
    }
    expect(tensor([1], [1], { device: "auto" }).device).toBe("cpu");
  });
});

describe("loading", () => {
  const load =
    "import('athanor').then((a) => a.tensor([1], [1])).catch((e) => console.log(e.code, e.message))";

  test("without a binary: ERR_NATIVE_LOAD with every reason and what to type", async () => {
    const { code, output } = await runNode(["-e", load], { ATHANOR_BINARY: "/nowhere/athanor.node" });
    expect(output).toContain("ERR_NATIVE_LOAD");
    expect(output).toContain("/nowhere/athanor.node: does not exist");
    expect(output).toContain("npm run build");
    expect(code).toBe(0);
  });

  test("a file that is no binary", async () => {
    const { output } = await runNode(["-e", load], { ATHANOR_BINARY: "package.json" });
    expect(output).toMatch(/ERR_NATIVE_LOAD[\s\S]*package\.json: /);
  });

  test("a wrong instruction set or thread count is told at once", async () => {
    const isa = await runNode(["-e", load], { ATHANOR_ISA: "sse9" });
    expect(isa.output).toMatch(/ERR_NATIVE_LOAD[\s\S]*ATHANOR_ISA: must be one of .*generic.*got sse9/);
    const threads = await runNode(["-e", load], { ATHANOR_THREADS: "many" });
    expect(threads.output).toMatch(/ERR_NATIVE_LOAD[\s\S]*ATHANOR_THREADS: .*got many/);
  });
});
