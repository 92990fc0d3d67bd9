// encodeBatchAsync gives what encodeBatch gives, on threads and in slices, and lets the event loop go on.

import { describe, expect, test } from "@jest/globals";

import type { BatchOptions, Encoding, TextOrPair } from "../../src/tokenizers/index.js";
import { bert, expectError, readJson } from "./support.js";

const questions = readJson<{ original: string }[]>("tokenizers/golden-questions/question_tokens.json.gz")
  .map((question) => question.original)
  .slice(0, 6000);
const pairs = questions.slice(0, 3000).map((text, i): [string, string] => [text, questions[i + 3000]]);
const words = questions.slice(0, 4500).map((text) => text.split(" "));
const long = questions.slice(0, 1000).join(" ");

// Large enough for threads; the others are done in slices
const CASES: [string, TextOrPair[], BatchOptions][] = [
  ["texts", questions, {}],
  ["texts padded to the longest", questions, { padding: "longest", padToMultipleOf: 8, paddingSide: "left" }],
  [
    "texts padded to a length",
    questions,
    { padding: "max_length", maxLength: 30, truncation: "longest_first" },
  ],
  ["pairs", pairs, { truncation: "longest_first", maxLength: 24, stride: 2, returnOverflow: true }],
  ["words", words, { isSplitIntoWords: true, addSpecialTokens: false }],
  ["one long text", [long], { maxLength: 128, stride: 32, returnOverflow: true }],
  ["a small batch", questions.slice(0, 500), { padding: "longest" }],
  ["a small batch of pairs", pairs.slice(0, 20), { maxLength: 12, returnOverflow: true }],
  ["nothing", [], {}],
];

// Everything in an encoding
function text(encoding: Encoding): string {
  const { ids, typeIds, attentionMask, specialTokensMask, offsets, wordIds, sequenceIds, overflowing } =
    encoding;
  const arrays = [ids, typeIds, attentionMask, specialTokensMask, offsets, wordIds, sequenceIds];
  return `${arrays.map((array) => array.join(" ")).join("|")}(${overflowing.map(text).join()})`;
}

describe("the same as encodeBatch", () => {
  test.each(CASES)("%s", async (_, texts, options) => {
    const wanted = bert().encodeBatch(texts, options);
    const found = await bert().encodeBatchAsync(texts, { ...options, threads: 2 });
    expect(found.length).toBe(wanted.length);
    let differing = 0;
    for (const [i, encoding] of found.entries()) if (text(encoding) !== text(wanted[i])) differing++;
    expect(differing).toBe(0);
  });
});

describe("the event loop", () => {
  test.each(["threads", "slices"])("goes on while %s work", async (how) => {
    const texts = how === "threads" ? questions : questions.slice(0, 2500);
    let turns = 0;
    let working = true;
    const turn = () => {
      turns++;
      if (working) setImmediate(turn);
    };
    setImmediate(turn);
    await bert().encodeBatchAsync(texts);
    working = false;
    expect(turns).toBeGreaterThan(3);
  });

  test("calls at the same time do not disturb each other", async () => {
    const halves = [questions.slice(0, 3000), questions.slice(3000)];
    const results = await Promise.all([...halves, questions].map((texts) => bert().encodeBatchAsync(texts)));
    const idsOf = (encodings: { ids: Int32Array }[]) => encodings.map((encoding) => encoding.ids.join(" "));
    expect([...idsOf(results[0]), ...idsOf(results[1])]).toEqual(idsOf(results[2]));
  });
});

describe("errors", () => {
  test("of a text, before anything is sent and on the way", async () => {
    for (const count of [3, questions.length]) {
      const texts = [...questions.slice(0, count), 7 as unknown as string];
      const call = () => bert().encodeBatchAsync(texts);
      await expectError(call, "ERR_ARGUMENT", new RegExp(`^encodeBatchAsync: texts\\[${count}\\] must be`));
    }
  });

  test("of a thread", async () => {
    const call = () => bert().encodeBatchAsync(pairs, { truncation: "only_first", maxLength: 8 });
    await expectError(call, "ERR_ARGUMENT", /tokens to remove/);
    expect((await bert().encodeBatchAsync(questions)).length).toBe(questions.length);
  });

  test("of options", async () => {
    await expectError(
      () => bert().encodeBatchAsync([], { threads: 0 }),
      "ERR_ARGUMENT",
      /threads must be an integer/,
    );
    await expectError(
      () => bert().encodeBatchAsync([], null as never),
      "ERR_ARGUMENT",
      /options must be an object/,
    );
    await expectError(() => bert().encodeBatchAsync("a" as never), "ERR_ARGUMENT", /texts must be an array/);
  });
});
