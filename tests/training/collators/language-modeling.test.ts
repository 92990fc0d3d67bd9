// Masks: their shares, whole words, special tokens, repetition; causal labels; rectangles.
import { describe, expect, test } from "@jest/globals";
import { languageModelingCollator, type MaskableExample, Random } from "../../../src/training/index.js";
import { gunzipped, wordTokenizer } from "../../tasks/language-support.js";
import { bert } from "../../tokenizers/support.js";

const tokenizer = bert();
const texts = gunzipped("tests/fixtures/data/wiki.txt.gz")
  .split("\n")
  .filter((line) => line.length > 40);
const encodings = tokenizer.encodeBatch(texts);

/** Within five standard deviations of a binomial count. */
function expectShare(count: number, of: number, p: number): void {
  expect(Math.abs(count - of * p)).toBeLessThan(5 * Math.sqrt(of * p * (1 - p)));
}

interface Counts {
  maskable: number;
  labelled: number;
  masked: number;
  changed: number;
  same: number;
  /** Tokens without a label that are not as they were, labels of special tokens, labels of another token. */
  wrong: number;
}

function counted(examples: readonly MaskableExample[], options = {}, rounds = 12): Counts {
  const mask = languageModelingCollator({ tokenizer, ...options });
  const counts = { maskable: 0, labelled: 0, masked: 0, changed: 0, same: 0, wrong: 0 };
  for (let epoch = 0; epoch < rounds; epoch++) {
    mask(examples, new Random(1, { epoch })).forEach(({ inputIds, labels }, row) => {
      const { ids, specialTokensMask } = encodings[row];
      ids.forEach((id, i) => {
        const label = (labels as Int32Array)[i];
        if (specialTokensMask[i] === 0) counts.maskable++;
        if (label === -100) {
          if (inputIds![i] !== id) counts.wrong++;
          return;
        }
        if (label !== id || specialTokensMask[i] !== 0) counts.wrong++;
        counts.labelled++;
        if (inputIds![i] === tokenizer.maskTokenId) counts.masked++;
        else if (inputIds![i] === id) counts.same++;
        else counts.changed++;
      });
    });
  }
  return counts;
}

describe("masking", () => {
  test("hides 15 % of the tokens: 80 % of them masked, 10 % random, 10 % as they are", () => {
    const { maskable, labelled, masked, changed, same, wrong } = counted(encodings);
    expect(wrong).toBe(0);
    expect(maskable).toBeGreaterThan(20_000);
    expectShare(labelled, maskable, 0.15);
    expectShare(masked, labelled, 0.8);
    // A random token is the old one, or the mask token, once in 30,522 draws.
    expectShare(changed, labelled, 0.1);
    expectShare(same, labelled, 0.1);
  });

  test("shares are options", () => {
    const all = counted(encodings, { probability: 0.4, maskShare: 0.5, randomShare: 0.5 }, 4);
    expectShare(all.labelled, all.maskable, 0.4);
    expectShare(all.masked, all.labelled, 0.5);
    expect(all.same).toBeLessThan(5);
    const none = counted(encodings, { probability: 0 }, 1);
    expect(none.labelled).toBe(0);
    const every = counted(encodings, { probability: 1, maskShare: 1, randomShare: 0 }, 1);
    expect(every.masked).toBe(every.maskable);
  });

  test("every token is hidden about as often as any other", () => {
    const rounds = 400;
    const times = new Int32Array(encodings[0].length);
    const mask = languageModelingCollator({ tokenizer });
    for (let step = 0; step < rounds; step++) {
      const [{ labels }] = mask([encodings[0]], new Random(3, { step }));
      (labels as Int32Array).forEach((label, i) => {
        if (label !== -100) times[i]++;
      });
    }
    times.slice(1, -1).forEach((count) => {
      expectShare(count, rounds, 0.15);
    });
    expect([times[0], times[times.length - 1]]).toEqual([0, 0]);
  });

  test("random tokens come from the whole vocabulary, evenly", () => {
    const words = Array.from({ length: 11 }, (_, i) => `w${i}`);
    const small = wordTokenizer(words);
    const mask = languageModelingCollator({ tokenizer: small, probability: 1, maskShare: 0, randomShare: 1 });
    const ids = Int32Array.from({ length: 16_000 }, () => 7);
    const special = new Uint8Array(ids.length);
    const [{ inputIds }] = mask([{ inputIds: ids, specialTokensMask: special }], new Random(8));
    const times = new Int32Array(small.vocabSize);
    for (const id of Array.from(inputIds!)) times[id]++;
    times.forEach((count) => {
      expectShare(count, ids.length, 1 / small.vocabSize);
    });
  });

  test("the same random numbers give the same masks, others give others", () => {
    const mask = languageModelingCollator({ tokenizer });
    const first = mask(encodings, new Random(5, { epoch: 1, step: 2, batch: 3 }));
    expect(mask(encodings, new Random(5, { epoch: 1, step: 2, batch: 3 }))).toEqual(first);
    expect(mask(encodings, new Random(5, { epoch: 1, step: 2, batch: 4 }))).not.toEqual(first);
    expect(mask(encodings, new Random(6, { epoch: 1, step: 2, batch: 3 }))).not.toEqual(first);
  });

  test("special tokens stay also where the examples do not say which they are", () => {
    const mask = languageModelingCollator({ tokenizer, probability: 1 });
    const [{ labels }] = mask([{ inputIds: encodings[0].ids }], new Random(0));
    expect(Array.from(labels as Int32Array).filter((label) => label === -100)).toHaveLength(2);
  });
});

describe("whole words", () => {
  const mask = languageModelingCollator({ tokenizer, wholeWord: true });

  test("are hidden or shown as a whole, 15 % of them", () => {
    let [words, hidden, longHidden, torn] = [0, 0, 0, 0];
    for (let epoch = 0; epoch < 12; epoch++) {
      mask(encodings, new Random(2, { epoch })).forEach(({ labels }, row) => {
        const { wordIds } = encodings[row];
        const states = new Map<number, boolean[]>();
        wordIds.forEach((word, i) => {
          if (word === null) return;
          states.set(word, [...(states.get(word) ?? []), (labels as Int32Array)[i] !== -100]);
        });
        for (const state of states.values()) {
          if (new Set(state).size !== 1) torn++;
          words++;
          if (state[0]) hidden++;
          if (state[0] && state.length > 2) longHidden++;
        }
      });
    }
    expect(torn).toBe(0);
    expectShare(hidden, words, 0.15);
    expect(longHidden).toBeGreaterThan(10);
  });

  test("follow from offsets where there are no word ids", () => {
    // "un ##able we go": the second token begins where the first one ends.
    const example = { inputIds: [2, 5, 6, 7, 8, 3], offsets: [0, 0, 0, 2, 2, 6, 7, 9, 10, 12, 0, 0] };
    const specialTokensMask = [1, 0, 0, 0, 0, 1];
    const seen = new Set<string>();
    for (let step = 0; step < 200; step++) {
      const [{ labels }] = mask([{ ...example, specialTokensMask }], new Random(1, { step }));
      seen.add(Array.from(labels as Int32Array, (label) => (label === -100 ? "." : "x")).join(""));
    }
    expect([...seen].every((pattern) => pattern[1] === pattern[2])).toBe(true);
    expect(seen.has(".xx...") && seen.has("...x..") && seen.has("....x.")).toBe(true);
  });

  test("of equal number but not neighbours are different words", () => {
    const wordIds = [0, -1, 0, 0, 1];
    const example = { inputIds: [5, 3, 6, 7, 8], specialTokensMask: [0, 1, 0, 0, 0], wordIds };
    const patterns = new Set<string>();
    for (let step = 0; step < 100; step++) {
      const [{ labels }] = mask([example], new Random(4, { step }));
      patterns.add(Array.from(labels as Int32Array, (label) => (label === -100 ? "." : "x")).join(""));
    }
    expect(patterns.has("x....")).toBe(true);
    expect(patterns.has("..xx.")).toBe(true);
  });
});

test("causal labels are the ids", () => {
  const [first] = languageModelingCollator({ tokenizer, mlm: false })(encodings);
  expect(first.labels).toEqual(encodings[0].ids);
  expect(first.inputIds).toEqual(encodings[0].ids);
});

test("rectangles: to the longest, to a length, to a multiple, on either side", () => {
  const small = wordTokenizer(["a", "b", "c"]);
  const examples = ["a b c", "a"].map((text) => small.encode(text));
  const how = { tokenizer: small, mlm: false } as const;
  const longest = languageModelingCollator({ ...how, padding: "longest" })(examples);
  const plain = (rows: Int32Array[]) => rows.map((row) => Array.from(row));
  expect(plain(longest.inputIds)).toEqual([
    [2, 5, 6, 7, 3],
    [2, 5, 3, 0, 0],
  ]);
  expect(plain(longest.labels!)[1]).toEqual([2, 5, 3, -100, -100]);
  expect(plain(longest.attentionMask)).toEqual([
    [1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0],
  ]);
  expect(plain(longest.tokenTypeIds)).toEqual([new Array(5).fill(0), new Array(5).fill(0)]);
  const multiple = languageModelingCollator({ ...how, padding: "longest", padToMultipleOf: 4 })(examples);
  expect(multiple.inputIds.map((row) => row.length)).toEqual([8, 8]);
  const fixed = languageModelingCollator({ ...how, padding: "max_length", maxLength: 6 })(examples);
  expect(fixed.inputIds.map((row) => row.length)).toEqual([6, 6]);
  const left = { maskTokenId: 4, padTokenId: 0, paddingSide: "left", vocabSize: 8 } as const;
  const none = { clsTokenId: 2, sepTokenId: 3, unkTokenId: 1, bosTokenId: null, eosTokenId: null };
  const onLeft = languageModelingCollator({
    tokenizer: { ...left, ...none },
    mlm: false,
    padding: "longest",
  });
  expect(plain(onLeft(examples).inputIds)[1]).toEqual([0, 0, 2, 5, 3]);
});

test.each<[object, string]>([
  [{ probability: 1.5 }, "probability must be a number from 0 to 1, got 1.5"],
  [{ maskShare: -0.1 }, "maskShare must be a number from 0 to 1, got -0.1"],
  [{ randomShare: 0.3 }, "randomShare must be a number from 0 to 0.2, got 0.3"],
  [{ tokenizer: { ...tokenizer, maskTokenId: null } }, "tokenizer must have a mask token, got one without"],
])("options %j are refused", (options, message) => {
  expect(() => languageModelingCollator({ tokenizer, ...options })).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT", message: `languageModelingCollator: ${message}` }),
  );
});

test.each<[string, () => unknown, string]>([
  ["no random", () => languageModelingCollator({ tokenizer })(encodings), "random must be given"],
  [
    "whole words without words",
    () => languageModelingCollator({ tokenizer, wholeWord: true })([{ inputIds: [5] }], new Random(0)),
    "examples must have wordIds or offsets for whole words, got neither",
  ],
  [
    "too short a length",
    () =>
      languageModelingCollator({ tokenizer, mlm: false, padding: "max_length", maxLength: 2 })([
        { inputIds: [5, 6, 7] },
      ]),
    "maxLength must be an integer from the 3 tokens of the longest example, got 2",
  ],
  [
    "padding of another kind",
    () => languageModelingCollator({ tokenizer, mlm: false, padding: "most" as "longest" })(encodings),
    'padding must be false, "longest" or "max_length", got most',
  ],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT", message: expect.stringContaining(message) }),
  );
});
