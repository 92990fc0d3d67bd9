import { describe, expect, test } from "@jest/globals";
import { getEngine } from "../../src/native/load.js";
import { handles } from "../../src/tensor/tensor.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";
import { engineState, noGrad, ops, scope, Tensor, tensor, untracked } from "./engine.js";
import { runScript } from "./support.js";

const live = () => engineState().liveHandles;

describe("dispose", () => {
  test("twice is fine, using the tensor afterwards throws ERR_DISPOSED", async () => {
    const x = tensor([1, 2], [2]);
    x.dispose();
    x.dispose();
    expect(x.disposed).toBe(true);
    expectCode(() => x.shape, "ERR_DISPOSED", "was disposed");
    expectCode(() => ops.add(x, 1), "ERR_DISPOSED", "a was disposed");
    expectCode(() => x.set([1, 2]), "ERR_DISPOSED", "was disposed");
    expectCode(() => x.dataSync(), "ERR_DISPOSED", "dataSync");
    await expectCodeAsync(() => x.data(), "ERR_DISPOSED", "data");
    expectCode(() => x.backward(), "ERR_DISPOSED", "backward");
  });

  test("what is queued still sees a tensor disposed of meanwhile", async () => {
    const x = tensor([1, 2], [2]);
    const y = ops.mul(x, 3);
    const reading = x.data();
    x.dispose();
    expect([...(await reading)]).toEqual([1, 2]);
    expect([...(await y.data())]).toEqual([3, 6]);
  });

  test("a stale handle stays stale when its slot is used again", () => {
    const { native } = getEngine();
    const x = tensor([1], [1]);
    const stale = handles.of(x);
    x.dispose();
    const y = tensor([2], [1]);
    expect(handles.of(y)).not.toBe(stale);
    expectCode(() => native.describe(stale), "ERR_DISPOSED", "was disposed");
    native.release(stale);
    expect([...y.dataSync()]).toEqual([2]);
    for (const wrong of [1, -1, 0.5, Number.NaN, 2 ** 53, 2 ** 52 + 99]) {
      expectCode(() => native.describe(wrong), "ERR_ARGUMENT", "must be a tensor");
    }
  });

  // In a child: Node 20 defines Symbol.dispose outside of the context in which Jest runs tests.
  test("`using` frees at the end of the block, also when it throws", async () => {
    const { code, output } = await runScript("using");
    expect(output).toBe("all freed\n");
    expect(code).toBe(0);
  });

  test("what is not a tensor is refused", () => {
    for (const wrong of [null, undefined, 3, {}, [1], "x"]) {
      expectCode(() => ops.relu(wrong as unknown as Tensor), "ERR_ARGUMENT", "x must be a tensor");
    }
    expectCode(() => ops.relu(Object.create(Tensor.prototype) as Tensor), "ERR_ARGUMENT", "must be a tensor");
  });
});

describe("scope", () => {
  test("frees what was made inside, but for what is returned, however deep", () => {
    const before = live();
    const kept = scope(() => {
      const x = tensor([1, 2, 3], [3]);
      const y = ops.add(x, 1);
      const z = ops.mul(y, y);
      return { y, list: [z], map: new Map([["exp", ops.exp(x)]]), text: "as it is" };
    });
    expect(live()).toBe(before + 3);
    expect([...kept.list[0].dataSync()]).toEqual([4, 9, 16]);
    expect(kept.map.get("exp")?.disposed).toBe(false);
    expect(kept.text).toBe("as it is");
    for (const t of [kept.y, kept.list[0], kept.map.get("exp")!]) t.dispose();
    expect(live()).toBe(before);
  });

  test("nests: what an inner one returns belongs to the outer one", () => {
    const before = live();
    let escaped: Tensor | undefined;
    const result = scope(() => {
      escaped = scope(() => ops.add(tensor([1], [1]), 1));
      expect(escaped.disposed).toBe(false);
      return ops.mul(escaped, 2);
    });
    expect(escaped?.disposed).toBe(true);
    expect([...result.dataSync()]).toEqual([4]);
    result.dispose();
    expect(live()).toBe(before);
  });

  test("frees everything when the function throws", () => {
    const before = live();
    expect(() =>
      scope(() => {
        tensor([1], [1]);
        scope(() => tensor([2], [1]));
        throw new Error("on purpose");
      }),
    ).toThrow("on purpose");
    expect(live()).toBe(before);
  });

  test("refuses what is asynchronous, and frees what it made", () => {
    const before = live();
    const asynchronous = async () => tensor([1], [1]);
    const returning = () => {
      const x = tensor([1], [1]);
      return x.data();
    };
    for (const run of [scope, noGrad]) {
      expectCode(() => run(asynchronous), "ERR_ARGUMENT", "synchronous");
      expectCode(() => run(3 as unknown as () => void), "ERR_ARGUMENT", "must be a function");
    }
    expectCode(() => scope(returning), "ERR_ARGUMENT", "synchronous");
    expect(live()).toBe(before);
  });

  test("untracked() makes what outlives it", () => {
    const state = scope(() => {
      const moments = untracked(() => tensor([0, 0], [2]));
      return [() => moments];
    })[0]();
    expect([...state.dataSync()]).toEqual([0, 0]);
    state.dispose();
  });

  test("a gradient made inside stays with its leaf", () => {
    const x = tensor([1, 2], [2], { requiresGrad: true });
    scope(() => ops.sum(ops.mul(x, x)).backward());
    expect([...(x.grad?.dataSync() ?? [])]).toEqual([2, 4]);
    x.dispose();
  });
});

describe("memory()", () => {
  // Bytes are counted per process, and the collector may still free what earlier files of this one forgot.
  test.each([
    "returns to where it was when all is disposed of",
    "data() is settled when its command has let go",
  ])("%s", async (line) => {
    const { code, output } = await runScript("memory", []);
    expect(output).toContain(line);
    expect(code).toBe(0);
  });

  test("the collector frees forgotten tensors, told of their bytes", async () => {
    const { code, output } = await runScript("forgotten", [], ["--expose-gc"]);
    expect(output).toContain("freed all");
    expect(code).toBe(0);
  });
});
