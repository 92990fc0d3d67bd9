import { afterAll, describe, expect, test } from "@jest/globals";
import { ready, setThreads } from "../../src/tensor/device.js";
import { embedding, slice } from "../../src/tensor/ops.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
  randomIntegers,
} from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;
const leaf = (data: ArrayLike<number>, shape: number[]) =>
  tensor(Float32Array.from(data), shape, { requiresGrad: true });
const ints = (data: ArrayLike<number>, shape: number[]) => tensor(Int32Array.from(data), shape);
afterAll(() => setThreads(2));

describe("embedding", () => {
  test("PyTorch's outputs and gradients", async () => {
    for (const c of await fixtureCases("embedding")) {
      const get = (name: string) => c.tensors.get(name)!;
      const table = leaf(get("weight").data, get("weight").shape);
      const y = embedding([
        { table, ids: ints(get("ids").data, get("ids").shape), paddingIdx: c.meta.padding_idx },
      ]);
      expect(y.shape).toEqual(get("output").shape);
      y.backward(tensor(get("upstream").data, y.shape));
      expectClose(bits(y), get("output").data, fixtureTolerance(c), `${c.case} output`);
      expectClose(bits(table.grad), get("grad.weight").data, fixtureTolerance(c), `${c.case} grad`);
    }
  });

  // Rows, widths and lengths around every block: 64 positions to a group, 64 rows to a job, 128 columns.
  const cases: [number[], number, number[]][] = [
    [[5], 3, [0]],
    [[5], 0, [4]],
    [[1], 1, [1]],
    [[2], 300, [500]],
    [[63, 2], 129, [130]],
    [[64, 65], 128, [3, 50]],
    [[1000, 70, 2], 33, [2, 5, 13]],
    [[7, 5, 3], 8, []],
  ];
  for (const [tables, width, shape] of cases) {
    test(`tables of ${tables} rows of ${width}, ids (${shape})`, () => {
      const count = shape.reduce((n, d) => n * d, 1);
      const data = tables.map((rows, t) => randomData([rows, width], t + 1));
      const ids = tables.map((rows, t) => randomIntegers(shape, t + 10, 0, rows));
      const upstream = randomData([...shape, width], 20);
      const output = new Float64Array(count * width);
      const gradients = tables.map((rows) => new Float64Array(rows * width));
      for (let i = 0; i < count; i++) {
        for (let c = 0; c < width; c++) {
          for (let t = 0; t < tables.length; t++) {
            output[i * width + c] += data[t][ids[t][i] * width + c];
            if (t !== 1 || ids[t][i] !== 0) gradients[t][ids[t][i] * width + c] += upstream[i * width + c];
          }
        }
      }
      const leaves = data.map((d, t) => leaf(d, [tables[t], width]));
      const lookups = leaves.map((table, t) => ({
        table,
        ids: ints(ids[t], shape),
        paddingIdx: t === 1 ? 0 : null,
      }));
      const y = embedding(lookups);
      expect(y.shape).toEqual([...shape, width]);
      y.backward(tensor(upstream, y.shape));
      expectClose(bits(y), output, 2e-7, "output");
      leaves.forEach((table, t) => {
        expectClose(bits(table.grad), gradients[t], 1e-6, `gradient ${t}`);
      });
    });
  }

  test("central differences, one table used twice", async () => {
    const [first, second] = [ints([0, 2, 2, 1], [4]), ints([1, 1, 0, 3], [4])];
    await checkGradients(
      (table) =>
        embedding([
          { table, ids: first },
          { table, ids: second },
        ]),
      [{ shape: [4, 3], data: randomData([4, 3], 1) }],
    );
  });

  test("many equal ids lose nothing to a running sum", () => {
    const [n, width] = [40_000, 3];
    const table = leaf(new Float32Array(2 * width), [2, width]);
    embedding([{ table, ids: ints(new Int32Array(n).fill(1), [n]) }]).backward(
      tensor(new Float32Array(n * width).fill(0.1), [n, width]),
    );
    expectClose(
      bits(table.grad).subarray(width),
      new Array(width).fill(n * Math.fround(0.1)),
      2e-6,
      "gradient",
    );
  });

  test("the same bits again, and with one thread; a gradient that is a range of columns", () => {
    const ids = ints(randomIntegers([900], 1, 0, 40), [900]);
    const run = () => {
      const table = leaf(randomData([40, 200], 2), [40, 200]);
      const y = embedding([{ table, ids }]);
      y.backward(slice(tensor(randomData([900, 250], 3), [900, 250]), 30, 230, 1));
      return bits(table.grad);
    };
    setThreads(2);
    const first = run();
    expectSameBits(run(), first, "again");
    setThreads(1);
    expectSameBits(run(), first, "one thread");
  });

  test("a gradient that is there already gets the touched rows added, to the bit", () => {
    const [rows, width, count] = [300, 33, 500];
    const ids = randomIntegers([count], 1, 0, 40); // most rows untouched, many equal ids
    const [data, start, dy] = [
      randomData([rows, width], 2),
      randomData([rows, width], 3),
      randomData([count, width], 4),
    ];
    const run = (table: Tensor) =>
      embedding([{ table, ids: ints(ids, [count]), paddingIdx: 5 }]).backward(tensor(dy, [count, width]));
    const [fresh, held] = [leaf(data, [rows, width]), leaf(data, [rows, width])];
    run(fresh);
    held.grad = tensor(start, [rows, width]);
    run(held);
    const expected = bits(fresh.grad).map((g, i) => start[i] + g);
    expectSameBits(bits(held.grad), expected, "held");
  });

  test("a bad id marks the gradient that was there", async () => {
    const table = leaf([1, 2, 3, 4], [2, 2]);
    table.grad = tensor([1, 1, 1, 1], [2, 2]);
    embedding([{ table, ids: ints([0, 7], [2]) }]).backward(tensor([1, 1, 1, 1], [2, 2]));
    await expectCodeAsync(table.grad!.data(), "ERR_DATA", "id 7 of tables[0] outside 0..1");
  });

  test("only tables that want a gradient get one", () => {
    const [a, b] = [leaf([1, 2], [2, 1]), tensor([3, 4], [2, 1])];
    embedding([
      { table: a, ids: ints([1], [1]) },
      { table: b, ids: ints([0], [1]) },
    ]).backward(tensor([7], [1, 1]));
    expect([...bits(a.grad)]).toEqual([0, 7]);
    expect(b.grad).toBeNull();
  });

  test("an id outside is ERR_DATA that names id, table and range; work goes on", async () => {
    const [a, b] = [tensor([1, 2], [2, 1]), tensor([3, 4, 5], [3, 1])];
    const bad = embedding([
      { table: a, ids: ints([0, 1], [2]) },
      { table: b, ids: ints([2, 3], [2]) },
    ]);
    await expectCodeAsync(bad.data(), "ERR_DATA", "embedding: id 3 of tables[1] outside 0..2");
    const negative = embedding([{ table: a, ids: ints([-1], [1]) }]);
    await expectCodeAsync(negative.data(), "ERR_DATA", "embedding: id -1 of tables[0] outside 0..1");
    expect([...bits(embedding([{ table: a, ids: ints([1], [1]) }]))]).toEqual([2]);
  });

  test("a gradient asked for in spite of bad ids is an error, not a write outside", async () => {
    const table = leaf([1, 2], [2, 1]);
    const y = embedding([{ table, ids: ints([1_000_000], [1]) }]);
    y.backward(tensor([1], [1, 1])); // does not depend on the failed output
    await expectCodeAsync(table.grad!.data(), "ERR_DATA", "id 1000000 of tables[0] outside 0..1");
    await ready().catch(() => {});
  });

  test("an empty table", async () => {
    const table = leaf([], [0, 4]);
    const y = embedding([{ table, ids: ints([], [0]) }]);
    expect(y.shape).toEqual([0, 4]);
    y.backward(tensor([], [0, 4]));
    expect(bits(table.grad).length).toBe(0);
    await expectCodeAsync(embedding([{ table, ids: ints([0], [1]) }]).data(), "ERR_DATA", "0 rows");
  });

  const table = () => tensor(new Float32Array(6), [2, 3]);
  const ids = () => ints([0, 1], [2]);
  const one = (lookup: object) => () => embedding([lookup as never]);
  test.each<[string, () => unknown, string, string]>([
    ["no lookup", () => embedding([]), "ERR_ARGUMENT", "lookups"],
    ["four", () => embedding(new Array(4).fill({ table: table(), ids: ids() })), "ERR_ARGUMENT", "lookups"],
    ["table rank", one({ table: tensor([1], [1]), ids: ids() }), "ERR_SHAPE", "tables[0]"],
    ["table dtype", one({ table: ids(), ids: ids() }), "ERR_DTYPE", "tables[0]"],
    ["ids dtype", one({ table: table(), ids: tensor([0], [1]) }), "ERR_DTYPE", "ids[0]"],
    ["ids rank", one({ table: table(), ids: ints([0], [1, 1, 1, 1]) }), "ERR_SHAPE", "ids[0]"],
    ["padding above", one({ table: table(), ids: ids(), paddingIdx: 2 }), "ERR_ARGUMENT", "paddingIdx[0]"],
    ["padding below", one({ table: table(), ids: ids(), paddingIdx: -2 }), "ERR_ARGUMENT", "paddingIdx[0]"],
    ["padding half", one({ table: table(), ids: ids(), paddingIdx: 0.5 }), "ERR_ARGUMENT", "paddingIdx[0]"],
    [
      "widths",
      () =>
        embedding([
          { table: table(), ids: ids() },
          { table: tensor([1, 2], [2, 1]), ids: ids() },
        ]),
      "ERR_SHAPE",
      "tables[1] must be (2, 3), got (2, 1)",
    ],
    [
      "ids of two shapes",
      () =>
        embedding([
          { table: table(), ids: ids() },
          { table: table(), ids: ints([0], [1]) },
        ]),
      "ERR_SHAPE",
      "ids[1]",
    ],
    ["no tensor", one({ table: table(), ids: [0, 1] }), "ERR_ARGUMENT", "ids[0]"],
  ])("misuse: %s", (_, fn, code, mention) => expectCode(fn, code, mention));
});
