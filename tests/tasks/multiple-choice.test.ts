// Multiple choice alone: columns of every kind, ragged choices, refusals, and a model that learns.
import { expect, test } from "@jest/globals";
import { AutoModelForMultipleChoice, type Example } from "../../src/models/index.js";
import { multipleChoice } from "../../src/tasks/index.js";
import { multipleChoiceCollator, Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { tinyConfig } from "../training/support.js";
import { contextOf, wordTokenizer } from "./language-support.js";

const words = "it rains snows is sunny take a hat umbrella boat swim now why ski".split(" ");
const tokenizer = wordTokenizer(words);
const decoded = ({ choices = [] }: Example) => choices.map(({ inputIds }) => tokenizer.decode(inputIds!));
const prepare = (rows: object[], options = {}, purpose: "train" | "predict" = "train") =>
  multipleChoice(options).prepare(rows, contextOf(tokenizer, purpose));

test("columns of SWAG, CODAH, lists and others", async () => {
  const swag = { sent1: "it rains", sent2: "take", ending0: "a hat", ending1: "a boat", label: 1 };
  const codah = { prompt: "it snows", ending0: "ski", ending1: "swim", ending2: "", label: "0" };
  const list = { context: "it is sunny", question: "why", choices: ["a hat", "swim", "a boat"], label: 2 };
  const made = await prepare([swag, codah, list]);
  expect(made.map(decoded)).toEqual([
    ["[CLS] it rains [SEP] take a hat [SEP]", "[CLS] it rains [SEP] take a boat [SEP]"],
    ["[CLS] it snows [SEP] ski [SEP]", "[CLS] it snows [SEP] swim [SEP]"],
    ["why a hat", "why swim", "why a boat"].map((ending) => `[CLS] it is sunny [SEP] ${ending} [SEP]`),
  ]);
  expect(made.map(({ labels }) => labels)).toEqual([1, 0, 2]);
  const named = { a: "it rains", x: "a hat", y: "swim", right: 1 };
  const columns = { contextColumn: "a", endingColumns: ["x", "y"], labelColumn: "right" };
  const [example] = await prepare([named], columns);
  expect([decoded(example)[1], example.labels]).toEqual(["[CLS] it rains [SEP] swim [SEP]", 1]);
  expect((await prepare([{ ...list, label: undefined }], {}, "predict"))[0].labels).toBeUndefined();
});

test("long pairs are cut", async () => {
  const context = "it rains ".repeat(40);
  const [example] = await prepare([{ context, choices: ["a hat", "swim"], label: 0 }], { maxLength: 12 });
  expect(example.choices!.map(({ inputIds }) => inputIds!.length)).toEqual([12, 12]);
});

const good = { context: "it rains", choices: ["a hat", "swim"], label: 0 };
test.each([
  [{ ...good, context: 5 }, 'row 1 column "context" must be a text, got 5'],
  [{ text: "it rains" }, "a column sent1, prompt, context (or contextColumn), got an object with text"],
  [{ context: "it rains" }, 'a list of "choices" or the columns ending0, ending1, ...'],
  [{ context: "it rains", ending0: "swim" }, 'a list of "choices" or the columns ending0'],
  [{ ...good, choices: ["a hat"] }, 'column "choices" must be a list of at least two texts'],
  [{ ...good, choices: ["a hat", " "] }, "a list of texts that are not empty"],
  [{ ...good, label: 2 }, "the number of a choice, from 0 to 1, got 2"],
  [{ ...good, label: "first" }, 'the number of a choice, from 0 to 1, got "first"'],
  [{ ...good, label: undefined }, "from 0 to 1, got undefined"],
  [null, "row 1 must be an object, got null"],
])("%j is refused", async (row, message) => {
  const error = await errorOf(() => prepare([good, row as object]));
  expect(error).toMatchObject({ code: "ERR_DATA", message: expect.stringContaining(message) });
});

test("wrong options and examples are refused", async () => {
  expect(await errorOf(async () => multipleChoice({ maxLength: 0 }))).toMatchObject({
    code: "ERR_ARGUMENT",
    message: "multipleChoice: maxLength must be an integer from 1, got 0",
  });
  const [two] = await prepare([good]);
  const [three] = await prepare([{ ...good, choices: ["a hat", "swim", "ski"] }]);
  const ragged = multipleChoiceCollator()([two, three]);
  expect(Array.from(ragged.choiceOffsets.data)).toEqual([0, 2, 5]);
  expect(ragged.offsets.shape).toEqual([6]);
  expect(
    await errorOf(async () => multipleChoiceCollator({ padding: "longest" })([two, three])),
  ).toMatchObject({
    code: "ERR_ARGUMENT",
    message: "collate: example 1 must have 2 choices to be padded, as the first, got 3",
  });
});

test("learns which endings are right, with two or three of them", async () => {
  const wrong = ["swim", "ski", "a boat", "a hat"];
  const rows = Array.from({ length: 48 }, (_, i) => {
    const choices = Array.from({ length: 2 + (i % 2) }, (_, c) => wrong[(i + c) % 4]);
    const label = Math.floor(i / 2) % choices.length;
    choices[label] = "take a umbrella";
    return { context: i % 3 ? "it rains" : "it snows now", choices, label };
  });
  const config = { ...tinyConfig, vocab_size: 5 + words.length };
  const model = await AutoModelForMultipleChoice.fromConfig(config, { seed: 3 });
  const args = { epochs: 12, batchSize: 8, learningRate: 3e-3, evalEvery: "no" as const };
  const trainer = new Trainer({ model, tokenizer, train: rows, eval: rows, args });
  await trainer.train();
  const { accuracy } = await trainer.evaluate();
  expect(accuracy).toBeGreaterThan(0.95);
  const [first] = await trainer.predict(rows.slice(0, 1).map(({ label, ...row }) => row));
  expect(first).toMatchObject({ choice: rows[0].label });
  model.dispose();
});
