import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "@jest/globals";
import { readSafetensors } from "../../src/models/safetensors.js";
import { setThreads } from "../../src/tensor/device.js";
import {
  gatherRows,
  logSoftmax,
  mul,
  type ProcessLogitsOptions,
  processLogits,
  slice,
  sum,
} from "../../src/tensor/ops.js";
import { noGrad } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { type Choice, chosenOf } from "../support/logits.js";
import {
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  onCuda,
  randomData,
  randomIntegers,
} from "../support/ops.js";

const { NaN: nan, NEGATIVE_INFINITY: lowest, POSITIVE_INFINITY: highest } = Number;
const floats = (t: Tensor) => t.dataSync() as Float32Array;
const ints = (data: ArrayLike<number>) => tensor(Int32Array.from(data), [data.length]);
afterAll(() => setThreads(2));

function lists(all: readonly (readonly number[])[]): { ids: Tensor; offsets: Tensor } {
  const offsets = [0];
  for (const list of all) offsets.push(offsets[offsets.length - 1] + list.length);
  return { ids: ints(all.flat()), offsets: ints(offsets) };
}

/** Options of Transformers' generate as the op takes them, for rows whose history is `length` long. */
function translate(options: Record<string, unknown>, rows: number, length: number): ProcessLogitsOptions {
  const o = options as Record<string, never>;
  const end = o.eos_token_id ?? 2;
  const tooShort = length < (o.min_length ?? 0) || (o.min_new_tokens ?? 0) > 0; // nothing is new yet
  const forcedAt = o.forced_eos_token_id ?? ("max_length" in o ? end : undefined);
  const forced = forcedAt !== undefined && length === o.max_length - 1;
  const beams = (o.num_beams ?? 1) > 1;
  const normalised = o.renormalize_logits ? "last" : null;
  return {
    logSoftmax: beams ? "first" : normalised,
    repetitionPenalty: o.repetition_penalty,
    noRepeatNgramSize: o.no_repeat_ngram_size,
    badWords: o.bad_words_ids ? lists(o.bad_words_ids) : null,
    banned: tooShort ? lists(new Array(rows).fill([end])) : null,
    forced: forced ? ints(new Array(rows).fill(forcedAt)) : null,
    suppressed: o.suppress_tokens ? ints(o.suppress_tokens) : null,
    temperature: o.temperature,
    topK: o.top_k,
    topP: o.top_p,
    minP: o.min_p,
    typicalP: o.typical_p,
    minTokensToKeep: o.min_tokens_to_keep ?? (beams ? 2 : 1),
  };
}

const folder = new URL("../../../tests/fixtures/generation/", import.meta.url).pathname;

// processors: one processor each (ORIGIN.md); processor_chains: several, as generate() puts them together.
describe.each(["processors", "processor_chains"])("%s of Transformers", (file) => {
  const { cases } = JSON.parse(readFileSync(`${folder}${file}.json`, "utf8"));
  const options = new Map<string, Record<string, unknown>>(
    cases.map((c: { name: string; options: object }) => [c.name, c.options]),
  );
  test.each([...options.keys()])("%s", async (name) => {
    const stored = await readSafetensors(`${folder}${file}.safetensors`);
    const { shape, data } = stored.get("scores")!;
    const ids = stored.get("input_ids")!;
    const expected = stored.get(`processed.${name}`)!.data as Float32Array;
    const [rows, length] = ids.shape;
    const history = tensor(Int32Array.from(ids.data as BigInt64Array, Number), [rows, length]);
    const historyLengths = ints(new Array(rows).fill(length));
    const logits = tensor(Float32Array.from(data as Float32Array), shape as number[]);
    processLogits(logits, { ...translate(options.get(name)!, rows, length), history, historyLengths });
    const allowed = (values: ArrayLike<number>) =>
      Array.from(values, (v, i) => (v > lowest ? i : -1)).filter((i) => i >= 0);
    expect(allowed(floats(logits))).toEqual(allowed(expected));
    expectClose(floats(logits), expected, 5e-7, "processed");
  });
});

describe("process_logits", () => {
  const choices: [string, Choice][] = [
    ["top-k 1", { topK: 1 }],
    ["top-k beyond the row", { topK: 5000 }],
    ["top-k below what is to be kept", { topK: 2, minTokensToKeep: 7 }],
    ["top-p 0", { topP: 0 }],
    ["top-p of a few", { topP: 0.4 }],
    ["top-p of hundreds", { topP: 0.93 }],
    ["top-p of nearly all", { topP: 0.999 }],
    ["top-p, at least 5", { topP: 0.001, minTokensToKeep: 5 }],
    ["top-p, at least 90", { topP: 0.4, minTokensToKeep: 90 }],
    ["min-p", { minP: 0.03 }],
    ["min-p of nearly all", { minP: 1e-6 }],
    ["min-p 1, at least 3", { minP: 1, minTokensToKeep: 3 }],
    ["typical", { typicalP: 0.3 }],
    ["typical of most", { typicalP: 0.95 }],
    ["typical, at least 90", { typicalP: 0.02, minTokensToKeep: 90 }],
    ["top-k, then top-p", { topK: 30, topP: 0.7 }],
    ["top-k, min-p, typical", { topK: 100, minP: 0.01, typicalP: 0.8 }],
    ["all four", { topK: 200, topP: 0.98, minP: 0.002, typicalP: 0.9, minTokensToKeep: 2 }],
  ];
  const shapes: [number, number, number][] = [
    [1, 1, 1],
    [3, 17, 2],
    [2, 65, 3],
    [2, 700, 1],
    [3, 3000, 3],
  ];
  test.each(choices)("%s", (_, choice) => {
    for (const [rows, width, spread] of shapes) {
      const data = randomData([rows, width], width).map((v) => spread * v);
      const ours = floats(processLogits(tensor(data, [rows, width]), choice));
      const expected = new Float32Array(rows * width);
      for (let r = 0; r < rows; r++) {
        expected.set(chosenOf(Array.from(data.subarray(r * width, (r + 1) * width)), choice), r * width);
      }
      const kept = (values: Float32Array) =>
        Array.from(values, (v, i) => (v > lowest ? i : -1)).filter((i) => i >= 0);
      expect([rows, width, ...kept(ours)]).toEqual([rows, width, ...kept(expected)]);
      expectSameBits(ours, expected, `(${rows}, ${width})`);
      const normalised = floats(
        processLogits(tensor(data, [rows, width]), { ...choice, logSoftmax: "last" }),
      );
      expectClose(normalised, floats(logSoftmax(tensor(expected, [rows, width]))), 1e-6, "normalised");
    }
  });

  test("ties: the smaller index first, but all that equal the k-th for top-k", () => {
    const x = () => tensor([1, 2, 2, 0, 2, 1], [1, 6]);
    const kept = (o: ProcessLogitsOptions) =>
      Array.from(floats(processLogits(x(), o)), (v) => (v > lowest ? 1 : 0)).join("");
    expect(kept({ topK: 2 })).toBe("011010");
    expect(kept({ topK: 4 })).toBe("111011");
    const zeros = processLogits(tensor([1, 0, -0, -1, 0, -2], [1, 6]), { topK: 2 });
    expect([...floats(zeros)].map((v) => (v > lowest ? 1 : 0)).join("")).toBe("111010");
    expect(kept({ topP: 0.3 })).toBe("011000");
    expect(kept({ topP: 0, minTokensToKeep: 4 })).toBe("111010");
    expect(kept({ minP: 1 })).toBe("011010");
    expect(kept({ minP: 1, minTokensToKeep: 4 })).toBe("111010");
  });

  test("top-p where one token has the mass and many must stay, and where most are forbidden", () => {
    const width = 400;
    const rows = [
      Float32Array.from({ length: width }, (_, i) => (i === 7 ? 50 : i % 5)), // the others lie beyond all thresholds
      Float32Array.from({ length: width }, (_, i) => (i % 4 ? lowest : Math.sin(i))),
    ];
    for (const row of rows) {
      for (const choice of [{ topP: 0.9999999 }, { topP: 0.5, minTokensToKeep: 350 }, { topP: 0.99 }]) {
        const ours = floats(processLogits(tensor(row, [1, width]), choice));
        expectSameBits(ours, chosenOf(Array.from(row), choice), JSON.stringify(choice));
      }
    }
  });

  test("min-p keeps what has just the share asked for", () => {
    const data = randomData([1, 300], 3).map((v) => 3 * v);
    const most = Math.max(...data);
    const little = onCuda() ? 1e-6 : 1e-12; // exp in float32, or in float64
    for (let i = 0; i < 300; i += 13) {
      const share = Math.exp(data[i] - most);
      const kept = (minP: number) => floats(processLogits(tensor(data, [1, 300]), { minP }))[i] > lowest;
      const above = kept(Math.min(1, share * (1 + little)));
      expect([i, kept(share * (1 - little)), above]).toEqual([i, true, data[i] === most]);
    }
  });

  test("log-softmax first and last are those of the op", () => {
    const data = randomData([3, 500], 1).map((v) => 5 * v);
    const expected = floats(logSoftmax(tensor(data, [3, 500])));
    for (const when of ["first", "last"] as const) {
      const ours = floats(processLogits(tensor(data, [3, 500]), { logSoftmax: when }));
      if (onCuda()) expectClose(ours, expected, 1e-6, when);
      else expectSameBits(ours, expected, when);
    }
    const both = processLogits(tensor(data, [3, 500]), { logSoftmax: "both", suppressed: ints([0, 7]) });
    const banned = expected.map((v, i) => (i % 500 === 0 || i % 500 === 7 ? lowest : v));
    expectClose(floats(both), floats(logSoftmax(tensor(banned, [3, 500]))), 1e-6, "both");
  });

  test("histories of any length; tokens beyond the row, and beyond the length, are passed over", () => {
    const [rows, width, length] = [5, 30, 9];
    const data = randomData([rows, width], 1);
    const tokens = randomIntegers([rows * length], 2, 0, 6);
    tokens[3 * length] = 30; // as embeddings that are larger than the head have them
    tokens[3 * length + 1] = -1;
    const lengths = [0, 1, 4, 9, 8];
    for (let r = 0; r < rows; r++) tokens.fill(29, r * length + lengths[r], (r + 1) * length);
    const expected = Float32Array.from(data);
    const banned = Float32Array.from(data);
    for (let r = 0; r < rows; r++) {
      const history = [...tokens.subarray(r * length, r * length + lengths[r])];
      for (const t of new Set(history)) {
        const x = data[r * width + t];
        if (t >= 0 && t < width) expected[r * width + t] = x < 0 ? x * 1.5 : x / 1.5;
      }
      const end = history.slice(-2).join();
      for (let i = 0; i + 3 <= history.length; i++) {
        const t = history[i + 2];
        if (history.slice(i, i + 2).join() === end && t < width) banned[r * width + t] = lowest;
      }
    }
    const given = { history: tensor(tokens, [rows, length]), historyLengths: ints(lengths) };
    const run = (o: ProcessLogitsOptions) =>
      floats(processLogits(tensor(data, [rows, width]), { ...given, ...o }));
    expectSameBits(run({ repetitionPenalty: 1.5 }), expected, "penalty");
    expectSameBits(run({ noRepeatNgramSize: 3 }), banned, "3-grams");
    const once = run({ noRepeatNgramSize: 1 });
    expect(once.filter((v) => v === lowest).length).toBe(
      lengths.reduce((n, l, r) => {
        const seen = new Set(tokens.subarray(r * length, r * length + l));
        return n + [...seen].filter((t) => t >= 0 && t < width).length;
      }, 0),
    );
    expectSameBits(run({ noRepeatNgramSize: 12 }), data, "n-grams longer than the history");
  });

  test("bad words end where the history does, whole words only", () => {
    const data = new Float32Array(24).fill(1);
    const history = tensor(Int32Array.of(1, 2, 3, 3, 2, 0, 0, 0, 0), [3, 3]);
    const words = lists([[7], [2, 3, 4], [3, 5], [3, 2, 6], [1, 2, 3, 0], [2, 1]]);
    const y = floats(
      processLogits(tensor(data, [3, 8]), { history, historyLengths: ints([3, 2, 0]), badWords: words }),
    );
    const forbidden = [0, 1, 2].map((r) =>
      [...y.subarray(8 * r, 8 * r + 8)].flatMap((v, i) => (v === lowest ? [i] : [])),
    );
    expect(forbidden).toEqual([[0, 4, 5, 7], [1, 6, 7], [7]]);
    const alone = floats(processLogits(tensor([1, 1, 1], [1, 3]), { badWords: lists([[1], [0, 2]]) }));
    expect([...alone]).toEqual([1, lowest, 1]);
  });

  test("banned, allowed, forced and suppressed tokens, row by row and in this order", () => {
    const x = tensor(
      Float32Array.from({ length: 20 }, (_, i) => i % 5),
      [4, 5],
    );
    processLogits(x, {
      banned: lists([[1], [], [0, 4, 4], [2]]),
      allowed: lists([[0, 1, 2, 2], [], [3], [1, 2]]),
      forced: ints([-1, 4, -1, 2]),
      suppressed: ints([0, 0]),
    });
    expect([...floats(x)]).toEqual(
      [
        [lowest, lowest, 2, lowest, lowest],
        [lowest, lowest, lowest, lowest, 0],
        [lowest, lowest, lowest, 3, lowest],
        [lowest, lowest, 0, lowest, lowest],
      ].flat(),
    );
  });

  test("NaN, infinities, and rows in which nothing is allowed", () => {
    const rows = [
      [1, nan, 3, 2],
      [1, highest, 3, 2],
      [lowest, lowest, lowest, lowest],
      [lowest, 5, lowest, lowest],
    ];
    const run = (o: ProcessLogitsOptions) => [...floats(processLogits(tensor(rows.flat(), [4, 4]), o))];
    for (const o of [{ topP: 0.5 }, { minP: 0.9 }, { typicalP: 0.5 }]) expect(run(o)).toEqual(rows.flat());
    expect(run({ topK: 2 })).toEqual(
      [[lowest, nan, 3, lowest], [lowest, highest, 3, lowest], rows[2], rows[3]].flat(),
    );
    expect(run({ topK: 1 })).toEqual(
      [[1, nan, 3, 2], [lowest, highest, lowest, lowest], rows[2], rows[3]].flat(),
    );
    const normalised = run({ logSoftmax: "last", topK: 2 });
    expect(normalised.slice(12)).toEqual([lowest, 0, lowest, lowest]);
    expect(normalised.slice(0, 12).every(Number.isNaN)).toBe(true); // as log_softmax has it
  });

  test("nothing to do queues nothing; what applies changes logits in place, also a range of columns", () => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3], { requiresGrad: true });
    expect(processLogits(x)).toBe(x); // recording would forbid a command
    expect(processLogits(x, { topK: 0, topP: 1, temperature: 1, history: null })).toBe(x);
    const y = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const columns = slice(y, 1, 3, 1);
    expect(processLogits(columns, { temperature: 2, topK: 1 })).toBe(columns);
    expect([...floats(y)]).toEqual([1, lowest, 1.5, 4, lowest, 3]);
  });

  test("the same bits again, with one thread, and for a row alone", () => {
    const data = randomData([6, 2000], 1).map((v) => 3 * v);
    const o = { temperature: 0.7, topK: 300, topP: 0.9, typicalP: 0.9, logSoftmax: "last" } as const;
    const run = (rows: Float32Array) => floats(processLogits(tensor(rows, [rows.length / 2000, 2000]), o));
    setThreads(2);
    const all = run(data);
    setThreads(1);
    expectSameBits(run(data), all, "one thread");
    expectSameBits(run(data.slice(4000, 6000)), all.subarray(4000, 6000), "row 2 alone");
  });

  test("a pending backward that needs the old logits errors", () => {
    const weight = tensor([1, 2], [1, 2], { requiresGrad: true });
    const x = tensor([3, 4], [1, 2]);
    const loss = sum(mul(weight, x));
    processLogits(x, { temperature: 2 });
    expectCode(() => loss.backward(), "ERR_VERSION", "changed in place");
  });

  test("misuse", async () => {
    const x = () => tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const history = tensor(Int32Array.of(1, 2, 0, 1), [2, 2]);
    const run = (o: ProcessLogitsOptions) => () => processLogits(x(), o);
    const cases: [ProcessLogitsOptions, string, string][] = [
      [
        { repetitionPenalty: 0, history },
        "ERR_ARGUMENT",
        "repetitionPenalty must be above 0 and finite in float32, got 0",
      ],
      [{ repetitionPenalty: 2 }, "ERR_ARGUMENT", "history must be given for repetitionPenalty"],
      [{ noRepeatNgramSize: 2, history }, "ERR_ARGUMENT", "historyLengths must come with history"],
      [
        { noRepeatNgramSize: 2, history, historyLengths: ints([1, 3]) },
        "ERR_ARGUMENT",
        "historyLengths must be 0 to 2, got 3",
      ],
      [
        { noRepeatNgramSize: 2, history, historyLengths: ints([1]) },
        "ERR_SHAPE",
        "historyLengths must be (2), got (1)",
      ],
      [{ noRepeatNgramSize: -1 }, "ERR_ARGUMENT", "noRepeatNgramSize must be an integer from 0"],
      [{ temperature: 0 }, "ERR_ARGUMENT", "temperature must be above 0"],
      [{ temperature: nan }, "ERR_ARGUMENT", "temperature must be a number"],
      [
        { temperature: 1e-50 },
        "ERR_ARGUMENT",
        "temperature must be above 0 and finite in float32, got 1e-50",
      ],
      [
        { temperature: highest },
        "ERR_ARGUMENT",
        "temperature must be above 0 and finite in float32, got inf",
      ],
      [{ repetitionPenalty: 1e39, history }, "ERR_ARGUMENT", "repetitionPenalty must be above 0 and finite"],
      [{ topK: 1.5 }, "ERR_ARGUMENT", "topK must be an integer"],
      [{ topP: 1.5 }, "ERR_ARGUMENT", "topP must be 0 to 1, got 1.5"],
      [{ minP: -1 }, "ERR_ARGUMENT", "minP must be 0 to 1"],
      [{ typicalP: 0 }, "ERR_ARGUMENT", "typicalP must be above 0, at most 1"],
      [{ topK: 1, minTokensToKeep: 0 }, "ERR_ARGUMENT", "minTokensToKeep must be an integer from 1"],
      [{ suppressed: ints([3]) }, "ERR_ARGUMENT", "suppressed must be 0 to 2, got 3"],
      [{ forced: ints([0, 3]) }, "ERR_ARGUMENT", "forced must be -1 to 2, got 3"],
      [{ forced: ints([0]) }, "ERR_SHAPE", "forced must be (2), got (1)"],
      [{ banned: lists([[0]]) }, "ERR_SHAPE", "banned.offsets must be (3), got (2)"],
      [{ allowed: lists([[0], [-1]]) }, "ERR_ARGUMENT", "allowed.ids must be 0 to 2, got -1"],
      [
        { badWords: { ids: ints([0]), offsets: ints([0, 2]) } },
        "ERR_ARGUMENT",
        "badWords.offsets must end at",
      ],
      [{ badWords: { ids: ints([0]) } as never }, "ERR_ARGUMENT", "badWords.offsets"],
      [
        { logSoftmax: "always" as never },
        "ERR_ARGUMENT",
        "logSoftmax must be one of first, last, both, got always",
      ],
    ];
    for (const [o, code, mention] of cases) expectCode(run(o), code, mention);
    expectCode(
      () => processLogits(tensor([1], [1]), { topK: 1 }),
      "ERR_SHAPE",
      "logits must have 2 dimensions",
    );
    expectCode(() => processLogits(ints([1]), { topK: 1 }), "ERR_DTYPE", "logits must be f32");
    const leaf = tensor([1, 2], [1, 2], { requiresGrad: true });
    expectCode(() => processLogits(leaf, { topK: 1 }), "ERR_ARGUMENT", "logits must not require a gradient");
    expect([...floats(noGrad(() => processLogits(leaf, { topK: 1 })))]).toEqual([lowest, 2]);
    // Made by ops: found when the command runs.
    const made = (data: number[]) => gatherRows(ints(data), ints(data.map((_, i) => i)));
    const late: [ProcessLogitsOptions, string][] = [
      [{ suppressed: made([3]) }, "suppressed must be 0 to 2, got 3"],
      [
        { noRepeatNgramSize: 1, history, historyLengths: made([0, -1]) },
        "historyLengths must be 0 to 2, got -1",
      ],
      [{ banned: { ids: ints([0]), offsets: made([0, 2, 1]) } }, "banned.offsets must never decrease"],
    ];
    for (const [o, mention] of late) await expectCodeAsync(run(o)().data(), "ERR_DATA", mention);
    expect(onCuda() || floats(x()).length === 6).toBe(true);
  });
});
