// Extractive question answering: rows and their defects, windows, the null answer, and that it learns.
import { expect, test } from "@jest/globals";
import { AutoModelForQuestionAnswering, AutoModelForTokenClassification } from "../../src/models/index.js";
import {
  type MisplacedAnswer,
  type QuestionAnswer,
  type QuestionAnsweringOptions,
  questionAnswering,
} from "../../src/tasks/index.js";
import type { Window } from "../../src/tasks/question-answering/windows.js";
import { type PrepareContext, Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { uniform } from "../support/random.js";
import { contextOf, noModel, wordTokenizer } from "./language-support.js";

const words = "who what where is the a ada bob eve wrote read book map in rome york red blue old . ?".split(
  " ",
);
const tokenizer = wordTokenizer(words);
const context = "ada wrote the book . bob read the map in york .";
const answersAt = (text: string, start = context.indexOf(text)) => ({ text: [text], answer_start: [start] });
const row = { id: "q1", question: "who wrote the book ?", context, answers: answersAt("ada") };

async function prepared(
  rows: object[],
  options: QuestionAnsweringOptions = {},
  purpose: PrepareContext["purpose"] = "train",
): Promise<Window[]> {
  return (await questionAnswering(options).prepare(rows, contextOf(tokenizer, purpose))) as Window[];
}

const spanOf = ({ startPosition, endPosition }: Window) => [startPosition, endPosition];
const tokensOf = (window: Window) => Array.from(window.inputIds, (id) => tokenizer.idToToken(id)).join(" ");

test("an answer becomes tokens, in the windows that hold all of it", async () => {
  const rows = [{ ...row, answers: answersAt("map in york") }];
  const [whole] = await prepared(rows);
  expect(tokensOf(whole)).toBe(`[CLS] who wrote the book ? [SEP] ${context} [SEP]`);
  expect(spanOf(whole)).toEqual([15, 17]);
  const windows = await prepared(rows, { maxLength: 13, stride: 2 });
  expect(windows.map(tokensOf)).toEqual([
    "[CLS] who wrote the book ? [SEP] ada wrote the book . [SEP]",
    "[CLS] who wrote the book ? [SEP] book . bob read the [SEP]",
    "[CLS] who wrote the book ? [SEP] read the map in york [SEP]",
    "[CLS] who wrote the book ? [SEP] in york . [SEP]",
  ]);
  // The third ends with the answer's last token, the fourth begins in its midst.
  expect(windows.map(spanOf)).toEqual([
    [0, 0],
    [0, 0],
    [9, 11],
    [0, 0],
  ]);
});

test("an answer that is the last token of its window is found there", async () => {
  const windows = await prepared([{ ...row, answers: answersAt("york") }], { maxLength: 13, stride: 2 });
  expect(spanOf(windows[2])).toEqual([11, 11]);
  expect(tokensOf(windows[2]).split(" ")[11]).toBe("york");
});

test("answers inside words take the tokens that hold them; columns and forms are free", async () => {
  const { id: _, ...rest } = row;
  const list = { ...rest, answers: [{ text: "ok", answer_start: 17 }] };
  expect(spanOf((await prepared([list]))[0])).toEqual([10, 10]);
  const named = { q: row.question, c: context, a: { text: ["bob"], answer_start: Int32Array.of(21) } };
  const columns = { questionColumn: "q", contextColumn: "c", answersColumn: "a" };
  expect(spanOf((await prepared([named], columns))[0])).toEqual([12, 12]);
  const none = { ...row, answers: { text: [], answer_start: [] } };
  expect(spanOf((await prepared([none]))[0])).toEqual([0, 0]);
});

test("an empty question is refused unless it is accepted, as CMRC 2018 has one", async () => {
  const rows = [row, { ...row, question: " " }];
  expect(await errorOf(() => prepared(rows))).toMatchObject({
    code: "ERR_DATA",
    message:
      'questionAnswering: row 1 column "question" must be a text that is not empty ' +
      '(or set emptyQuestion: "accept"), got " "',
  });
  const [, window] = await prepared(rows, { emptyQuestion: "accept" });
  expect(tokensOf(window)).toBe(`[CLS] [SEP] ${context} [SEP]`);
  expect(spanOf(window)).toEqual([2, 2]);
});

test("the context comes first where asked", async () => {
  const [window] = await prepared([row], { pairOrder: "context-first" });
  expect(tokensOf(window)).toBe(`[CLS] ${context} [SEP] who wrote the book ? [SEP]`);
  expect(spanOf(window)).toEqual([1, 1]);
});

test("a misplaced answer is moved, left out, refused or kept, and reported", async () => {
  const rows = [
    row,
    { ...row, id: "q2", answers: answersAt("the map", 9) },
    { ...row, answers: answersAt("eve", 3) },
  ];
  const reports: MisplacedAnswer[] = [];
  const onMisplaced = (answers: MisplacedAnswer[]) => reports.push(...answers);
  const realigned = await prepared(rows, { onMisplaced });
  expect(realigned.map((window) => [window.row, ...spanOf(window)])).toEqual([
    [0, 7, 7],
    [1, 14, 15],
  ]);
  expect(reports).toEqual([
    { row: 1, id: "q2", text: "the map", start: 9, found: 30 },
    { row: 2, id: "q1", text: "eve", start: 3, found: undefined },
  ]);
  expect((await prepared(rows, { misplaced: "skip" })).map((window) => window.row)).toEqual([0]);
  expect((await prepared(rows, { misplaced: "keep" })).map(spanOf)[1]).toEqual([8, 10]);
  expect(await errorOf(() => prepared(rows, { misplaced: "error" }))).toMatchObject({
    code: "ERR_DATA",
    message:
      'questionAnswering: row 1 column "answers" must be made of answers that stand at their answer_start ' +
      '(or set misplaced: "realign"): at 9 "the map", got " the bo"',
  });
  // Evaluated are all rows; what was left out counts in no loss.
  const evaluated = await prepared(rows, { misplaced: "skip" }, "evaluate");
  expect(evaluated.map(spanOf)).toEqual([
    [7, 7],
    [-1, -1],
    [-1, -1],
  ]);
});

test.each<[string, unknown, string]>([
  ["no question", { context }, 'row 1 column "question" must be a text, got undefined'],
  [
    "an empty context",
    { ...row, context: " " },
    'row 1 column "context" must be a text that is not empty, got " "',
  ],
  ["no answers", { ...row, answers: undefined }, 'row 1 column "answers" must be answers { text: [...]'],
  [
    "lists of two lengths",
    { ...row, answers: { text: ["ada"], answer_start: [] } },
    'row 1 column "answers" must be lists text and answer_start of one length, or a list of answers, got an object',
  ],
  [
    "a start that is no number",
    { ...row, answers: { text: ["ada"], answer_start: ["0"] } },
    'row 1 column "answers" must be made of answers with a whole number answer_start, got "0"',
  ],
  ["an id of another kind", { ...row, id: {} }, 'row 1 column "id" must be a text, got an object'],
  ["a row that is none", 5, "row 1 must be an object, got 5"],
  [
    "a question that leaves no room",
    { ...row, question: "who ".repeat(60) },
    "row 1 must leave room for more of its context than the stride of 21 tokens in a window of 64, got a question " +
      "of 60 tokens",
  ],
])("%s is refused, naming row and column", async (_, bad, message) => {
  const error = await errorOf(() => prepared([row, bad as object]));
  expect(error.code).toBe("ERR_DATA");
  expect(error.message).toContain(`questionAnswering: ${message}`);
});

test.each<[object, string]>([
  [{ version: 3 }, "version must be 1 or 2, got 3"],
  [{ nBest: 0 }, "nBest must be an integer from 1, got 0"],
  [{ maxAnswerLength: 1.5 }, "maxAnswerLength must be an integer from 1, got 1.5"],
  [{ stride: -1 }, "stride must be an integer from 0, got -1"],
  [{ nullScore: "mean" }, 'nullScore must be one of min, max, last, got "mean"'],
  [{ nullThreshold: "0" }, "nullThreshold must be a number, got 0"],
  [{ misplaced: "move" }, 'misplaced must be one of realign, skip, error, keep, got "move"'],
  [{ language: "de" }, 'language must be one of en, zh, got "de"'],
])("options %j are refused", (options, message) => {
  expect(() => questionAnswering(options as QuestionAnsweringOptions)).toThrow(
    expect.objectContaining({ code: "ERR_ARGUMENT", message: `questionAnswering: ${message}` }),
  );
});

test("a model with another head is refused", async () => {
  const config = {
    model_type: "bert",
    vocab_size: 60,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
  };
  const small = { ...config, intermediate_size: 8, max_position_embeddings: 64 };
  const model = await AutoModelForTokenClassification.fromConfig(small, { labels: ["a", "b"] });
  const trainer = new Trainer({ model, tokenizer, task: questionAnswering() });
  await expect(trainer.predict([row])).rejects.toMatchObject({
    code: "ERR_ARGUMENT",
    message: expect.stringContaining("AutoModelForQuestionAnswering"),
  });
  model.dispose();
});

/** Answers out of hand-made logits: position -> logit, for each window. */
function answered(
  windows: Window[],
  logits: [starts: Record<number, number>, ends: Record<number, number>][],
  options: QuestionAnsweringOptions,
): QuestionAnswer {
  const task = questionAnswering(options);
  const predictions = windows.flatMap((window, i) => {
    const [startLogits, endLogits] = logits[i].map((values) => {
      const data = Float32Array.from(window.inputIds, (_, at) => values[at] ?? -9);
      return { data, shape: [data.length] };
    });
    return task.predict({ startLogits, endLogits }, [window], noModel);
  });
  return task.join!(predictions, windows, [row], noModel)[0];
}

test("the null score of several windows: smallest, largest, last", async () => {
  const windows = await prepared([row], { maxLength: 13, stride: 2 }, "predict");
  // The first window holds the answer and speaks against "no answer"; the others say that they do not.
  const logits: Parameters<typeof answered>[1] = [
    [
      { 0: 1, 7: 3 },
      { 0: 1, 8: 3 },
    ],
    [{ 0: 5 }, { 0: 5 }],
    [{ 0: 4 }, { 0: 4 }],
    [{ 0: 2.5 }, { 0: 2.5 }],
  ];
  const min = answered(windows, logits, { version: 2 });
  expect(min).toMatchObject({ id: "q1", text: "ada wrote", start: 0, end: 9, nullDifference: -4 });
  expect(min.candidates[0].score + min.candidates[1].score).toBeLessThan(1);
  expect(min.candidates.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6);
  const max = answered(windows, logits, { version: 2, nullScore: "max" });
  expect(max).toMatchObject({ text: "", start: 0, end: 0, nullDifference: 4 });
  expect(answered(windows, logits, { version: 2, nullScore: "last" }).nullDifference).toBe(-1);
  expect(answered(windows, logits, { version: 2, nullScore: "max", nullThreshold: 4 }).text).toBe(
    "ada wrote",
  );
  const plain = answered(windows, logits, {});
  expect(plain.text).toBe("ada wrote");
  expect(plain.nullDifference).toBeUndefined();
});

test("no possible span is no answer; answers have their most tokens", async () => {
  const windows = await prepared([row], {}, "predict");
  const beyond: Parameters<typeof answered>[1] = [
    [
      { 1: 5, 0: 4 },
      { 2: 5, 0: 4 },
    ],
  ];
  const options = { nBest: 2 };
  expect(answered(windows, beyond, options)).toMatchObject({
    text: "",
    start: 0,
    end: 0,
    score: 0,
    candidates: [],
  });
  expect(answered(windows, beyond, { ...options, version: 2 })).toMatchObject({ text: "", score: 1 });
  const long: Parameters<typeof answered>[1] = [
    [
      { 7: 5, 9: 4 },
      { 10: 5, 9: 4 },
    ],
  ];
  expect(answered(windows, long, {}).text).toBe("ada wrote the book");
  expect(answered(windows, long, { maxAnswerLength: 3 }).text).toMatch(/^(the book|ada wrote the)$/);
});

test("scores: questions of both kinds, and the best thresholds", () => {
  const rows = [row, { ...row, answers: { text: [], answer_start: [] } }];
  const answer = (text: string, nullDifference: number) =>
    ({
      id: "q1",
      text,
      start: 0,
      end: text.length,
      score: 1,
      candidates: [{ text: "ada", start: 0, end: 3 }],
      nullDifference,
    }) as unknown as QuestionAnswer;
  const task = questionAnswering({ version: 2 });
  expect(task.metrics([answer("ada", -1), answer("ada", -0.5)], [], noModel, rows)).toEqual({
    ...{ exact: 50, f1: 50, hasAnswerExact: 100, hasAnswerF1: 100, noAnswerExact: 0, noAnswerF1: 0 },
    ...{ bestExact: 100, bestExactThreshold: -1, bestF1: 100, bestF1Threshold: -1 },
  });
  const { exact, f1 } = questionAnswering().metrics([answer("ada wrote", 0)], [], noModel, [row]);
  expect(exact).toBe(0);
  expect(f1).toBeCloseTo(200 / 3, 9);
});

/** "who did what where": the answer is the person of the sentence with the thing that is asked for. */
function rowsToLearn(count: number): object[] {
  const next = uniform(5);
  const one = (list: string[]) => list[Math.floor(next() * list.length)];
  return Array.from({ length: count }, (_, i) => {
    const people = next() < 0.5 ? ["ada", "bob"] : ["eve", "ada"];
    const [first, second] = [one(["wrote", "read"]), one(["wrote", "read"])];
    const text = `${people[0]} ${first} the book in ${one(["rome", "york"])} . ${people[1]} ${second} the map .`;
    const asksBook = next() < 0.5;
    const start = asksBook ? 0 : text.indexOf(people[1], 4);
    const answers = { text: [asksBook ? people[0] : people[1]], answer_start: [start] };
    // Every fourth asks for what is not there.
    const none = i % 4 === 3;
    const question = none
      ? "where is the old ?"
      : `who ${one(["wrote", "read"])} the ${asksBook ? "book" : "map"} ?`;
    return {
      id: String(i),
      question,
      context: text,
      answers: none ? { text: [], answer_start: [] } : answers,
    };
  });
}

test("learns to answer and to abstain, over windows; training and evaluating by the default task", async () => {
  const model = await AutoModelForQuestionAnswering.fromConfig(
    {
      ...{ model_type: "bert", vocab_size: 5 + words.length, hidden_size: 32, num_hidden_layers: 2 },
      ...{
        num_attention_heads: 2,
        intermediate_size: 64,
        max_position_embeddings: 64,
        initializer_range: 0.1,
      },
      ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
    },
    { seed: 1 },
  );
  const train = rowsToLearn(96);
  const args = { epochs: 25, batchSize: 16, learningRate: 3e-3, seed: 2 };
  const task = questionAnswering({ version: 2, maxLength: 17, stride: 4 });
  const trainer = new Trainer({ model, tokenizer, task, train, args });
  const before = await trainer.evaluate(train);
  await trainer.train();
  const scores = await trainer.evaluate(train);
  expect(scores.loss).toBeLessThan(before.loss / 4);
  expect(scores.exact).toBeGreaterThan(95);
  expect(scores.noAnswerExact).toBeGreaterThan(95);
  const [answer] = await trainer.predict([train[0]]);
  const { context: text, answers } = train[0] as { context: string; answers: { text: string[] } };
  expect(answer.text).toBe(answers.text[0]);
  expect(text.slice(answer.start, answer.end)).toBe(answer.text);
  const byDefault = new Trainer({ model, tokenizer, eval: train.slice(0, 3) });
  expect(Object.keys(await byDefault.evaluate())).toEqual(["loss", "exact", "f1"]);
  model.dispose();
});
