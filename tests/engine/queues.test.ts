import { setImmediate } from "node:timers/promises";
import { afterAll, describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { handles } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync, expectSameBits, randomData } from "../support/ops.js";
import {
  engineState,
  noGrad,
  ops,
  ready,
  scope,
  setThreads,
  synchronize,
  type Tensor,
  tensor,
} from "./engine.js";
import { createQueue, longWork, numbers, tensorOn } from "./support.js";

const free = (tensors: Tensor[]) => {
  for (const t of tensors) t.dispose();
};

describe("reading", () => {
  test("data() while more work is queued behind", async () => {
    const x = tensor([1, 2], [2]);
    const y = ops.mul(x, 2);
    const reading = y.data();
    const behind = longWork(8);
    expect([...(await reading)]).toEqual([2, 4]);
    expect(engineState().pendingCommands).toBeGreaterThan(3);
    await synchronize();
    expect(engineState().pendingCommands).toBe(0);
    free(behind);
  });

  test("many readings at once, in any order of awaiting", async () => {
    const readings = Array.from({ length: 200 }, (_, i) => ops.add(tensor([i], [1]), i).data());
    for (let i = 199; i >= 0; i--) expect([...(await readings[i])]).toEqual([2 * i]);
  });

  test("dataSync() waits for what is before it", () => {
    const [last] = longWork(1, 512);
    const total = ops.sum(ops.mul(last, 0));
    expect([...total.dataSync()]).toEqual([0]);
    free([last, total]);
  });

  test("all dtypes, and ranges of columns", async () => {
    const x = tensor([1.5, -2, 3, 4], [2, 2]);
    expect(await x.to("bf16").data()).toEqual(Float32Array.of(1.5, -2, 3, 4));
    expect(await x.to("i32").data()).toEqual(Int32Array.of(1, -2, 3, 4));
    expect(await x.to("i8").data()).toEqual(Int8Array.of(1, -2, 3, 4));
    expect(await x.to("u8").data()).toEqual(Uint8Array.of(1, 0, 3, 4));
    expect(await x.slice(1, 2, 1).data()).toEqual(Float32Array.of(-2, 4));
    expect((await tensor([], [0, 3]).data()).length).toBe(0);
    expect(await tensor([7], []).item()).toBe(7);
    await expectCodeAsync(x.item(), "ERR_SHAPE", "item");
  });
});

describe("set()", () => {
  test("comes in order with what is queued", async () => {
    const x = tensor([1, 2], [2]);
    const behind = longWork(1);
    const before = ops.mul(x, 10);
    x.set([3, 4]);
    const between = ops.mul(x, 10);
    x.set(Float32Array.of(5, 6));
    expect(await numbers(between)).toEqual([30, 40]);
    expect(await numbers(before)).toEqual([10, 20]);
    expect(await numbers(x)).toEqual([5, 6]);
    free(behind);
  });

  test("takes a copy: the array may change at once; likewise tensor()", async () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data, [2]);
    data.fill(9);
    expect(await numbers(x)).toEqual([1, 2]);
    const behind = longWork(1, 512);
    x.set(data);
    data.fill(0);
    expect(await numbers(x)).toEqual([9, 9]);
    expectCode(() => x.set([1]), "ERR_SHAPE", "set");
    free(behind);
  });
});

describe("ready()", () => {
  test("resolves at once with room, and late when more than 1024 commands wait", async () => {
    await synchronize();
    await ready();
    const x = tensor([1], [1]);
    const busy = longWork(4, 1536);
    scope(() => {
      for (let i = 0; i < 1200; i++) ops.add(x, i);
    });
    expect(engineState().pendingCommands).toBeGreaterThan(1024);
    let resolved = false;
    const waiting = ready().then(() => {
      resolved = true;
    });
    for (let i = 0; i < 5; i++) await setImmediate();
    expect(resolved).toBe(false);
    await waiting;
    expect(engineState().pendingCommands).toBeLessThan(512);
    free(busy);
  });

  test("counts uploaded bytes", async () => {
    await synchronize();
    const busy = longWork(4, 1536);
    const large = tensor(new Float32Array(17 << 20), [17 << 20]); // 68 MB
    const y = ops.sum(large);
    expect(engineState().stagedBytes).toBeGreaterThan(64 * 2 ** 20);
    let resolved = false;
    const waiting = ready().then(() => {
      resolved = true;
    });
    for (let i = 0; i < 5; i++) await setImmediate();
    expect(resolved).toBe(false);
    await waiting;
    expect(engineState().stagedBytes).toBe(0);
    free([...busy, large, y]);
  });

  test("ERR_QUEUE_FULL at 64 times; what was queued is done, and work goes on", async () => {
    await synchronize();
    const { native } = getEngine();
    const x = tensor([1], [1]);
    // The executor has to stay behind for as long as 65,536 calls take, on any machine: twice the work
    // in front of them until it does.
    let busy: Tensor[] = [];
    let made = 0;
    let full: unknown;
    for (let work = 32; full === undefined && work <= 2048; work *= 2) {
      await ready();
      free(busy);
      busy = longWork(work, 1536);
      try {
        // Without the typed function: its cost would let the executor catch up.
        for (made = 0; made < 70_000; made++)
          native.release(native.ops.arithmetic(handles.of(x), 0, 0, 1) as number);
      } catch (error) {
        full = error;
      }
    }
    expectCode(
      () => {
        if (full) throw full;
      },
      "ERR_QUEUE_FULL",
      "await ready()",
    );
    expect(made).toBeGreaterThanOrEqual(65536 - busy.length - 2);
    expectCode(() => x.set([1]), "ERR_QUEUE_FULL", "set");
    await expectCodeAsync(() => x.data(), "ERR_QUEUE_FULL", "data");
    await ready();
    expect(await numbers(ops.add(x, 1))).toEqual([2]);
    free(busy);
  });
});

describe("priorities", () => {
  test("a request on a high queue does not wait for a long normal one", async () => {
    await synchronize();
    const [high, low] = [createQueue("high"), createQueue("low")];
    const [request, background] = [tensorOn(high, [1, 2], [2]), tensorOn(low, [5], [1])];
    const order: string[] = [];
    const busy = longWork(12);
    const ends = [
      ops
        .mul(background, 2)
        .data()
        .then(() => order.push("low")),
      busy[busy.length - 1]
        .slice(0, 1)
        .data()
        .then(() => order.push("normal")),
      ops
        .mul(request, 2)
        .data()
        .then(() => {
          order.push("high");
          expect(engineState().pendingCommands).toBeGreaterThan(8);
        }),
    ];
    await Promise.all(ends);
    expect(order).toEqual(["high", "normal", "low"]);
    for (const queue of [high, low]) getEngine().native.removeQueue(queue);
    free([...busy, request, background]);
  });

  test("an op runs on its parameters' queue, whose end it survives", async () => {
    const { native } = getEngine();
    const queue = createQueue("normal");
    const weight = tensorOn(queue, [1, 2, 3, 4], [2, 2]);
    const y = ops.linear(tensor([1, 1], [1, 2]), weight);
    native.removeQueue(queue);
    native.removeQueue(queue);
    expect(await numbers(y)).toEqual([3, 7]);
    expect(await numbers(ops.linear(tensor([2, 0], [1, 2]), weight))).toEqual([2, 6]);
    expectCode(() => native.make(null, 0, "cpu", queue, 1), "ERR_DISPOSED", "queue");
    expectCode(() => native.createQueue("cpu", 7), "ERR_ARGUMENT", "priority");
  });
});

describe("across queues", () => {
  test("readers see exactly the changes before them, under stress", async () => {
    const queues = [createQueue("high"), createQueue("normal"), createQueue("low")];
    const counters = queues.map((queue) => tensorOn(queue, [0, 0, 0], [3]));
    for (const c of counters) c.requiresGrad = true;
    const seen: Promise<ArrayLike<number>>[] = [];
    const random = randomData([600], 3);
    const value = [0, 0, 0];
    const expected: number[] = [];
    for (let i = 0; i < 600; i++) {
      const [changed, other] = [i % 3, (i + 1 + Number(random[i] > 0)) % 3];
      counters[changed].grad = tensor([-1, -1, -1], [3]); // one step: plus one
      ops.sgd([{ parameter: counters[changed], lr: 1, weightDecay: 0, first: true }], {});
      value[changed]++;
      scope(() => noGrad(() => seen.push(ops.add(counters[changed], counters[other]).data())));
      expected.push(value[changed] + value[other]);
      if (i % 100 === 99) await ready();
    }
    const results = await Promise.all(seen);
    expect(results.map((r) => r[0])).toEqual(expected);
    free(counters);
  });
});

describe("setThreads", () => {
  afterAll(() => setThreads(2));

  test("changes nothing in the results, also in mid-run", async () => {
    const data = { x: randomData([150, 96], 1), w: randomData([200, 96], 2, 0.1), b: randomData([200], 3) };
    const run = (threads: number, change = 0) => {
      setThreads(threads);
      const w = tensor(data.w, [200, 96], { requiresGrad: true });
      const b = tensor(data.b, [200], { requiresGrad: true });
      const losses = Array.from({ length: 6 }, (_, i) => {
        if (change && i === 3) setThreads(change);
        const loss = scope(() => {
          const y = ops.linear(tensor(data.x, [150, 96]), w, b, { activation: "gelu" });
          const l = ops.mean(ops.mul(y, y));
          l.backward();
          ops.sgd(
            [w, b].map((parameter) => ({ parameter, lr: 0.5, weightDecay: 0, first: true })),
            {},
          );
          w.grad = null;
          b.grad = null;
          return l;
        });
        return loss.dataSync()[0];
      });
      return [...losses, ...w.dataSync(), ...b.dataSync()];
    };
    const one = run(1);
    for (const threads of [2, 3, 7]) expectSameBits(run(threads), one, `${threads} threads`);
    expectSameBits(run(1, 4), one, "1, then 4 threads");
    for (const wrong of [0, -1, 257, 1.5, Number.NaN]) {
      expectCode(() => setThreads(wrong), "ERR_ARGUMENT", /setThreads|set_thread_count/);
    }
  });
});
