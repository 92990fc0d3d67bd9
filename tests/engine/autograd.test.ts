import { describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { expectClose, expectCode, expectSameBits, randomData } from "../support/ops.js";
import {
  customFunction,
  engineState,
  memory,
  noGrad,
  ops,
  scope,
  synchronize,
  type Tensor,
  tensor,
} from "./engine.js";
import { numbers, partOf } from "./support.js";

const leaf = (data: ArrayLike<number>, shape: number[]) => tensor(data, shape, { requiresGrad: true });
const descend = (parameter: Tensor, lr = 0.5) =>
  ops.sgd([{ parameter, lr, weightDecay: 0, first: true }], {});

describe("backward", () => {
  test("fan-out adds: add(x, x), and one tensor in many places", async () => {
    const x = leaf([1, 2, 3], [3]);
    ops.sum(ops.add(x, x)).backward();
    expect(await numbers(x.grad)).toEqual([2, 2, 2]);
    x.grad = null;
    const y = ops.mul(x, x);
    ops.sum(ops.add(ops.add(ops.mul(y, x), y), ops.mul(y, 2))).backward(); // x^3 + 3 x^2
    expect(await numbers(x.grad)).toEqual([3 + 6, 12 + 12, 27 + 18]);
  });

  test("accumulates into .grad until that is cleared", async () => {
    const x = leaf([1, 2], [2]);
    for (let i = 0; i < 3; i++) ops.sum(ops.mul(x, x)).backward();
    expect(await numbers(x.grad)).toEqual([6, 12]);
    x.grad = null;
    expect(x.grad).toBeNull();
    ops.sum(x).backward();
    expect(await numbers(x.grad)).toEqual([1, 1]);
    x.grad = tensor([5, 5], [2]);
    ops.sum(x).backward();
    expect(await numbers(x.grad)).toEqual([6, 6]);
  });

  test("one dy handed to two leaves: adding to one .grad leaves the other", async () => {
    const [a, b] = [leaf([1, 2], [2]), leaf([3, 4], [2])];
    const dy = tensor([10, 20], [2]);
    ops.add(a, b).backward(dy);
    ops.add(a, b).backward(tensor([1, 1], [2]));
    ops.add(a, a).backward(tensor([100, 100], [2]));
    expect(await numbers(a.grad)).toEqual([211, 221]);
    expect(await numbers(b.grad)).toEqual([11, 21]);
    expect(await numbers(dy)).toEqual([10, 20]);
  });

  test("a leaf is its own graph", async () => {
    const x = leaf([1, 2], [2]);
    x.backward(tensor([3, 4], [2]));
    expect(await numbers(x.grad)).toEqual([3, 4]);
  });

  test("views pass gradients: reshape, slices of rows and columns, detach stops them", async () => {
    const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
    const right = x.slice(1, 3, 1);
    ops.sum(ops.mul(right.reshape([4]), tensor([1, 2, 3, 4], [4]))).backward();
    expect(await numbers(x.grad)).toEqual([0, 1, 2, 0, 3, 4]);
    x.grad = null;
    const y = ops.mul(x, 2);
    expect(y.detach().requiresGrad).toBe(false);
    ops.sum(ops.mul(y.detach(), x)).backward();
    expect(await numbers(x.grad)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  test("no gradient is computed for what wants none", async () => {
    const [x, w] = [tensor([1, 2], [1, 2]), leaf([3, 4], [1, 2])];
    ops.sum(ops.linear(x, w)).backward();
    expect(x.grad).toBeNull();
    expect(await numbers(w.grad)).toEqual([1, 2]);
  });

  test("misuse", () => {
    const x = leaf([1, 2], [2]);
    expectCode(() => tensor([1], [1]).backward(), "ERR_ARGUMENT", "require a gradient");
    expectCode(() => ops.mul(x, 2).backward(), "ERR_SHAPE", "a gradient is needed");
    expectCode(() => ops.mul(x, 2).backward(tensor([1], [1])), "ERR_SHAPE", "gradient must be (2), got (1)");
    expectCode(() => ops.mul(x, 2).backward(tensor(Int32Array.of(1, 2), [2])), "ERR_DTYPE", "must be f32");
    const y = ops.mul(x, 2);
    expectCode(
      () => {
        y.requiresGrad = false;
      },
      "ERR_ARGUMENT",
      "leaf",
    );
    const i = tensor(Int32Array.of(1), [1]);
    expectCode(
      () => {
        i.requiresGrad = true;
      },
      "ERR_DTYPE",
      "f32",
    );
    expectCode(
      () => {
        x.grad = tensor([1], [1]);
      },
      "ERR_SHAPE",
      "must be (2)",
    );
  });

  test("noGrad records nothing, nests, and ends with an exception", () => {
    const x = leaf([1], [1]);
    expect(noGrad(() => ops.mul(x, x)).requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error("on purpose");
      }),
    ).toThrow("on purpose");
    noGrad(() => {
      noGrad(() => 0);
      expect(ops.mul(x, x).requiresGrad).toBe(false);
    });
    expect(ops.mul(x, x).requiresGrad).toBe(true);
  });
});

describe("versions", () => {
  test("a step between forward and backward", async () => {
    const w = leaf([2, 3], [2]);
    ops.sum(ops.mul(w, w)).backward();
    const late = ops.sum(ops.mul(w, w));
    descend(w);
    expectCode(() => late.backward(), "ERR_VERSION", "changed in place");
    expect(await numbers(w)).toEqual([0, 0]);
    expect(await numbers(w.grad)).toEqual([4, 6]);
  });

  test("set() between forward and backward; ops that saved nothing do not mind", async () => {
    const w = leaf([2, 3], [2]);
    const [product, total] = [ops.sum(ops.mul(w, w)), ops.sum(ops.add(w, w))];
    w.set([7, 7]);
    expectCode(() => product.backward(), "ERR_VERSION", "changed in place");
    total.backward();
    expect(await numbers(w.grad)).toEqual([2, 2]);
  });

  test("a change through a view or a part counts", () => {
    const w = leaf([1, 2, 3, 4], [2, 2]);
    const loss = ops.sum(ops.mul(w, w));
    partOf(w, 0, 1).set([9, 9]);
    expectCode(() => loss.backward(), "ERR_VERSION", "changed in place");
  });

  test("a second backward needs retainGraph", async () => {
    const w = leaf([2, 3], [2]);
    const y = ops.mul(w, w);
    const loss = ops.sum(y);
    loss.backward(undefined, { retainGraph: true });
    loss.backward();
    expect(await numbers(w.grad)).toEqual([8, 12]);
    expectCode(() => loss.backward(), "ERR_VERSION", "already walked");
    expectCode(() => ops.sum(y).backward(), "ERR_VERSION", "already walked");
    expect(await numbers(w.grad)).toEqual([8, 12]);
  });

  test("backward releases activations as it goes", async () => {
    const w = leaf(new Float32Array(10000), [100, 100]);
    await synchronize();
    const before = memory().live;
    const loss = scope(() => ops.sum(ops.exp(ops.exp(ops.exp(w)))));
    await synchronize();
    const held = memory().live - before;
    loss.backward();
    await synchronize();
    expect(held).toBeGreaterThan(3 * 40000);
    expect(memory().live - before).toBeLessThan(40000 * 1.5); // .grad and the loss
    loss.dispose();
    w.dispose();
  });
});

describe("parts of a packed parameter", () => {
  const packed = () => {
    const base = leaf([1, 1, 2, 2, 3, 3], [3, 2]);
    return { base, first: partOf(base, 0, 1), rest: partOf(base, 1, 2) };
  };
  const square = (t: Tensor) => ops.sum(ops.mul(t, t)).backward();

  test("see their rows of values and gradient", async () => {
    const { base, first, rest } = packed();
    expect(await numbers(rest)).toEqual([2, 2, 3, 3]);
    expect(rest.shape).toEqual([2, 2]);
    square(base);
    expect(await numbers(first.grad)).toEqual([2, 2]);
    expect(await numbers(rest.grad)).toEqual([4, 4, 6, 6]);
    first.set([5, 5]);
    expect(await numbers(base)).toEqual([5, 5, 2, 2, 3, 3]);
  });

  test("are cleared singly, and start again from zero", async () => {
    const { base, first, rest } = packed();
    square(base);
    first.grad = null;
    expect(first.grad).toBeNull();
    expect(await numbers(rest.grad)).toEqual([4, 4, 6, 6]);
    square(base);
    expect(await numbers(first.grad)).toEqual([2, 2]);
    expect(await numbers(rest.grad)).toEqual([8, 8, 12, 12]);
    first.grad = null;
    rest.grad = null;
    expect(base.grad).toBeNull();
  });

  test("are frozen singly: no gradient, no step, nor one from that time when they thaw", async () => {
    const { base, first, rest } = packed();
    first.requiresGrad = false;
    square(base);
    expect(first.grad).toBeNull();
    expect(await numbers(rest.grad)).toEqual([4, 4, 6, 6]);
    ops.sgd(
      [first, rest].map((parameter) => ({ parameter, lr: 0.5, weightDecay: 0, first: true })),
      {},
    );
    expect(await numbers(base)).toEqual([1, 1, 0, 0, 0, 0]);
    first.requiresGrad = true;
    expect(first.grad).toBeNull();
    square(base);
    expect(await numbers(first.grad)).toEqual([2, 2]);
    first.requiresGrad = false;
    rest.requiresGrad = false;
    expect(ops.mul(base, 2).requiresGrad).toBe(false);
  });

  test("may be used alone", async () => {
    const { base, first, rest } = packed();
    square(first);
    expect(await numbers(first.grad)).toEqual([2, 2]);
    expect(rest.grad).toBeNull();
    ops.sum(ops.concat([rest, first])).backward();
    expect(await numbers(base.grad)).toEqual([3, 3, 1, 1, 1, 1]);
  });

  test("a range outside is refused", () => {
    const { base } = packed();
    for (const [row, rows] of [
      [-1, 1],
      [0, 4],
      [3, 1],
      [0, -1],
    ]) {
      expectCode(() => partOf(base, row, rows), "ERR_ARGUMENT", "part");
    }
  });
});

describe("customFunction", () => {
  const square = customFunction({
    forward(context, x) {
      context.save(x);
      return ops.mul(x, x);
    },
    backward(context, dy) {
      return ops.mul(ops.mul(context.saved[0], 2), dy!);
    },
  });

  test("has the gradient of the built-in", async () => {
    const data = randomData([5, 7], 1);
    const [x, y] = [leaf(data, [5, 7]), leaf(data, [5, 7])];
    ops.sum(ops.mul(square(ops.sqrt(ops.exp(x))), x)).backward();
    ops.sum(ops.mul(ops.exp(y), y)).backward();
    expectClose(await x.grad!.data(), await y.grad!.data(), 1e-6, "gradient");
  });

  test("its results may be somebody's: accumulating leaves them", async () => {
    const kept = tensor([3, 6], [2]);
    const same = customFunction({ forward: (_, x) => ops.mul(x, 1), backward: () => kept });
    const x = leaf([1, 2], [2]);
    for (let i = 0; i < 2; i++) same(x).backward(tensor([1, 2], [2]));
    expect(await numbers(kept)).toEqual([3, 6]);
    expect(await numbers(x.grad)).toEqual([6, 12]);
  });

  test("what it makes on the way is freed without a scope around it", () => {
    const cube = customFunction({
      forward(context, x) {
        context.save(x);
        return ops.mul(ops.mul(x, x), x);
      },
      backward(context, dy) {
        const [x] = context.saved;
        return ops.mul(ops.mul(ops.mul(x, x), 3), dy!);
      },
    });
    const x = leaf([1, 2], [2]);
    const gradient = tensor([1, 1], [2]);
    const step = () => {
      const y = cube(x);
      y.backward(gradient);
      y.dispose();
    };
    step();
    const before = engineState().liveHandles;
    for (let i = 0; i < 5; i++) step();
    expect(engineState().liveHandles).toBe(before);
  });

  test("several inputs and outputs, null for none", async () => {
    const sumAndProduct = customFunction({
      forward(context, a, b) {
        context.save(a, b);
        return [ops.add(a, b), ops.mul(a, b)];
      },
      backward(context, dsum, dproduct) {
        const [, b] = context.saved;
        expect(dsum).toBeNull();
        return [ops.mul(dproduct!, b), null];
      },
    });
    const [a, b] = [leaf([2], [1]), leaf([5], [1])];
    const [, product] = sumAndProduct(a, b) as unknown as Tensor[];
    product.backward();
    expect(await numbers(a.grad)).toEqual([5]);
    expect(b.grad).toBeNull();
  });

  test("what was saved is freed: after backward, without one, and where nothing is recorded", async () => {
    const { customFunctions } = getEngine();
    const x = leaf(new Float32Array(1000), [1000]);
    await synchronize();
    const [handlesBefore, before] = [engineState().liveHandles, memory().live];
    scope(() => ops.sum(square(x)).backward());
    x.grad = null;
    scope(() => {
      square(x);
    });
    scope(() => {
      noGrad(() => square(x));
    });
    expect(customFunctions.size).toBe(0);
    await synchronize();
    expect(engineState().liveHandles).toBe(handlesBefore);
    expect(memory().live).toBeLessThanOrEqual(before); // of the process: earlier files may still free theirs
  });

  test("misuse of backward: code, and the engine goes on", async () => {
    const wrong = (backward: () => unknown) =>
      customFunction({ forward: (_, x) => ops.mul(x, 2), backward: backward as () => null });
    const x = leaf([1, 2], [2]);
    const run = (backward: () => unknown) => () => ops.sum(wrong(backward)(x)).backward();
    expectCode(
      run(() => tensor([1], [1])),
      "ERR_SHAPE",
      "gradient 0 must be (2), got (1)",
    );
    expectCode(
      run(() => [null, null]),
      "ERR_ARGUMENT",
      "one gradient per input (1), got 2",
    );
    expectCode(
      run(() => 3),
      "ERR_ARGUMENT",
      "must be a tensor",
    );
    expect(
      run(() => {
        throw new Error("on purpose");
      }),
    ).toThrow("on purpose");
    expectCode(() => customFunction({} as never), "ERR_ARGUMENT", "{ forward, backward }");
    x.grad = null;
    ops.sum(square(x)).backward();
    expectSameBits((await numbers(x.grad))!, [2, 4], "afterwards");
  });
});
