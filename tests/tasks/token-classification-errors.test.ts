// Token classification: the labels of data sets, and what is refused.
import { describe, expect, test } from "@jest/globals";
import { readConll, readConllu } from "../../src/data/index.js";
import { tokenClassification, tokenLabelNames, withoutPositionDigits } from "../../src/tasks/index.js";
import type { TaggedWindow } from "../../src/tasks/token-classification/windows.js";
import type { Tokenizer } from "../../src/tokenizers/index.js";
import { errorOf } from "../data/temporary.js";
import { contextOf, repositoryFile } from "./language-support.js";
import { labels, modelOf, prepared, row, tokenizer } from "./tagging-support.js";

describe("labels of data sets", () => {
  test("are sorted, O first; of parts of speech as they are", async () => {
    const file = (name: string) => repositoryFile(`tests/fixtures/data/${name}`);
    const ner = tokenLabelNames(await readConll(file("wnut17.conll.gz")));
    expect(ner[0]).toBe("O");
    expect(ner.slice(1)).toEqual([...ner.slice(1)].sort());
    const upos = tokenLabelNames(await readConllu(file("en_ewt.conllu.gz")), "upos");
    expect(upos).toEqual([...upos].sort());
    expect(upos).toContain("NOUN");
  });

  test.each<[string, object[], string]>([
    [
      "no list",
      [{ tags: ["O"] }, { tag: ["O"] }],
      'row 1 column "tags" must be a list of labels, got undefined (columns: tag)',
    ],
    ["an id", [{ tags: [1] }], 'row 0 column "tags" must be made of names of labels, got 1'],
    ["an empty name", [{ tags: ["O", ""] }], 'row 0 column "tags" must be made of names of labels, got ""'],
    ["nothing", [{ tags: [] }], 'column "tags" must have labels, got none'],
  ])("%s is refused", (_, rows, message) => {
    expect(() => tokenLabelNames(rows)).toThrow(
      expect.objectContaining({ code: "ERR_DATA", message: `tokenClassification: ${message}` }),
    );
  });

  test("position digits of Weibo go; other tokens are refused", async () => {
    const rows = await readConll<{ tokens: string[] }>(repositoryFile("tests/fixtures/data/weibo.conll.gz"));
    const bare = withoutPositionDigits(rows);
    expect(rows[0].tokens[0]).toMatch(/^.\d$/u);
    expect(bare[0].tokens.map((token, i) => token + rows[0].tokens[i].slice(-1))).toEqual(rows[0].tokens);
    expect(bare.every(({ tokens }) => tokens.every((token) => [...token].length === 1))).toBe(true);
    expect(() => withoutPositionDigits([{ tokens: ["科0", "技"] }])).toThrow(
      expect.objectContaining({
        code: "ERR_DATA",
        message:
          'withoutPositionDigits: row 0 column "tokens" must be made of tokens that end in a digit, got "技"',
      }),
    );
    expect(() => withoutPositionDigits([{}])).toThrow('row 0 column "tokens" must be a list of tokens');
  });
});

describe("errors", () => {
  test.each<[string, object, string]>([
    ["no object", 5 as unknown as object, "row 1 must be an object, got 5"],
    ["no words", { tags: ["O"] }, 'row 1 column "tokens" must be a list of at least one word, got undefined'],
    [
      "an empty list",
      { tokens: [], tags: [] },
      'row 1 column "tokens" must be a list of at least one word, got a list of 0',
    ],
    [
      "a text for words",
      { ...row, tokens: "ada" },
      'row 1 column "tokens" must be a list of words, got "ada"',
    ],
    [
      "a number for a word",
      { ...row, tokens: ["ada", 3] },
      'row 1 column "tokens" must be a list of texts, got 3',
    ],
    ["no labels", { tokens: row.tokens }, 'row 1 column "tags" must be a list of labels, got undefined'],
    [
      "fewer labels than words",
      { ...row, tags: ["O"] },
      'row 1 column "tags" must be as long as column "tokens", 4, got a list of 1',
    ],
    [
      "an unknown label",
      { tokens: ["ada"], tags: ["B-ORG"] },
      `row 1 column "tags" must be made of the model's 4 labels (O, B-LOC, B-PER, I-LOC), got "B-ORG"`,
    ],
    [
      "an id out of range",
      { tokens: ["ada"], tags: [4] },
      `row 1 column "tags" must be made of the model's 4 labels (O, B-LOC, B-PER, I-LOC), got 4`,
    ],
    ["no label for a word", { tokens: ["ada"], tags: [null] }, "(O, B-LOC, B-PER, I-LOC), got null"],
  ])("%s: the row is named", async (_, bad, message) => {
    const error = await errorOf(() => prepared([row, bad]));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^tokenClassification: /);
  });

  test("a row to predict has words or a text", async () => {
    expect(await errorOf(() => prepared([{ body: "ada" }], {}, "predict"))).toMatchObject({
      code: "ERR_DATA",
      message:
        'tokenClassification: row 0 column "tokens" must be a list of words (or column "text" a text), got undefined',
    });
  });

  test.each<[object, string]>([
    [{ maxLength: 0 }, "maxLength must be an integer from 1, got 0"],
    [{ stride: -1 }, "stride must be an integer from 0, got -1"],
    [{ aggregation: "mean" }, 'aggregation must be one of none, simple, first, average, max, got "mean"'],
    [{ continuation: "b" }, 'continuation must be one of same, inside, got "b"'],
    [{ metric: "f1" }, 'metric must be one of auto, seqeval, accuracy, got "f1"'],
    [{ labelAllTokens: 1 }, "labelAllTokens must be true or false, got 1"],
    [{ joiner: null }, "joiner must be a text, got null"],
    [{ ignoreLabels: "O" }, 'ignoreLabels must be a list of labels, got "O"'],
  ])("options %j are refused", (options, message) => {
    expect(() => tokenClassification(options)).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", message: `tokenClassification: ${message}` }),
    );
  });

  test("windows need room beside what they share", async () => {
    const error = await errorOf(() => prepared([row], { maxLength: 5, stride: 3 }));
    expect(error).toMatchObject({
      code: "ERR_ARGUMENT",
      message:
        "tokenClassification: maxLength must be at least 6, for 2 special tokens, the stride and one more, got 5",
    });
  });

  test("a model with one label, a tokenizer without words, no tokenizer, a model of another kind", async () => {
    expect(await errorOf(() => prepared([row], {}, "train", { labels: ["O"] }))).toMatchObject({
      code: "ERR_DATA",
      message: "tokenClassification: model needs at least two labels, got 1; see tokenLabelNames",
    });
    const wordless = {
      modelMaxLength: 64,
      encodeBatchAsync: async (texts: string[]) =>
        (await tokenizer.encodeBatchAsync(texts, { isSplitIntoWords: true })).map(
          ({ ids, typeIds, specialTokensMask, overflowing }) => ({
            ...{ ids, typeIds, specialTokensMask, overflowing },
            wordIds: new Array(ids.length).fill(null),
          }),
        ),
    } as unknown as Tokenizer;
    expect(await errorOf(() => prepared([row], {}, "train", { tokenizer: wordless }))).toMatchObject({
      code: "ERR_ARGUMENT",
      message:
        "tokenClassification: tokenizer must say which word a token belongs to (wordIds), got one that does not",
    });
    const task = tokenClassification();
    const context = { ...contextOf(tokenizer, "train"), model: modelOf(labels) };
    expect(await errorOf(() => task.prepare([row], { ...context, tokenizer: undefined }))).toMatchObject({
      code: "ERR_ARGUMENT",
      message: "tokenClassification: tokenizer must be given, got none",
    });
    const examples = (await task.prepare([row], context)) as TaggedWindow[];
    const outputs = { logits: { data: new Float32Array(4), shape: [1, 4] } };
    expect(() => task.predict(outputs, examples, modelOf(labels))).toThrow(
      expect.objectContaining({
        code: "ERR_ARGUMENT",
        message:
          "tokenClassification: model must be one of AutoModelForTokenClassification, with logits 7 x 4, got logits " +
          "of shape 1 x 4",
      }),
    );
  });
});
