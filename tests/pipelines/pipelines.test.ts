// Pipelines over encoders: fields and values against the model's own outputs; lists, options and mistakes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type Model,
} from "../../src/models/index.js";
import { type LabelScore, pipeline } from "../../src/pipelines/index.js";
import { noGrad } from "../../src/tensor/scope.js";
import { errorOf } from "../data/temporary.js";
import { wordTokenizer } from "../tasks/language-support.js";

const words = "ada lives in london paris where does live she".split(" ");
const tokenizer = wordTokenizer(words, 32);
const config = {
  ...{ model_type: "bert", vocab_size: tokenizer.vocabSize, hidden_size: 32, num_hidden_layers: 1 },
  ...{ num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 32, initializer_range: 0.5 },
};

async function logitsOf(model: Model, inputIds: ArrayLike<number>, tokenTypeIds?: ArrayLike<number>) {
  model.eval();
  const output = noGrad(() => model.forward(model.collate([{ inputIds, tokenTypeIds }])));
  return Array.from((await output.logits.data()) as Float32Array);
}

function softmax(values: readonly number[]): number[] {
  const powers = values.map((value) => Math.exp(value - Math.max(...values)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

test("text classification: the best class, or several; one text, a list, a pair", async () => {
  const model = await AutoModelForSequenceClassification.fromConfig(config, {
    labels: ["no", "yes", "so"],
    seed: 1,
  });
  const classify = await pipeline("text-classification", model, { tokenizer });
  const { ids } = tokenizer.encode("ada lives");
  const scores = softmax(await logitsOf(model, ids));
  const best = scores.indexOf(Math.max(...scores));
  const one = (await classify("ada lives")) as LabelScore;
  expect(one).toEqual({ label: ["no", "yes", "so"][best], score: expect.closeTo(scores[best], 5) });
  const [all] = (await classify(["ada lives"], { topK: null })) as LabelScore[][];
  expect(all.map(({ score }) => score)).toEqual(
    [...scores].sort((a, b) => b - a).map((s) => expect.closeTo(s, 5)),
  );
  expect(await classify(["in", "ada lives"], { topK: 1, batchSize: 1 })).toEqual([
    [expect.anything()],
    [one],
  ]);
  const pairScores = softmax(
    await logitsOf(
      model,
      ...(({ ids, typeIds }) => [ids, typeIds] as const)(tokenizer.encode("ada", { pair: "lives" })),
    ),
  );
  expect(await classify({ text: "ada", text_pair: "lives" })).toMatchObject({
    score: expect.closeTo(Math.max(...pairScores), 5),
  });
  expect(await classify([])).toEqual([]);
  expect(await errorOf(() => classify(["ada", ""]))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'pipeline text-classification: input 1 must be a text that is not empty, got ""',
  });
  expect(await errorOf(() => classify("ada", { topK: 0 }))).toMatchObject({
    message: "pipeline text-classification: topK must be an integer from 1 or null, got 0",
  });
  model.dispose();
});

test("a model in training is asked without dropout, and may train between batches", async () => {
  const dropout = { hidden_dropout_prob: 0.5, attention_probs_dropout_prob: 0.5 };
  const model = await AutoModelForSequenceClassification.fromConfig({ ...config, ...dropout }, { seed: 1 });
  const classify = await pipeline("text-classification", model, { tokenizer });
  const texts = words.map((word) => `ada ${word}`);
  const wanted = (await classify(texts)) as LabelScore[];
  model.train();
  const both = [4, 1].map((batchSize) => classify(texts, { batchSize }) as Promise<LabelScore[]>);
  for (let turns = 0; turns < 8; turns++) {
    await setImmediate();
    expect(model.training).toBe(true);
  }
  for (const found of await Promise.all(both)) {
    expect(found).toEqual(wanted.map(({ label, score }) => ({ label, score: expect.closeTo(score, 5) })));
  }
  model.dispose();
});

test("token classification: every token, or groups, with their places in the text", async () => {
  const model = await AutoModelForTokenClassification.fromConfig(config, { labels: ["B-X", "I-X"], seed: 5 });
  const find = await pipeline("ner", model, { tokenizer });
  const text = "Ada lives in London";
  const { ids } = tokenizer.encode(text);
  const logits = await logitsOf(model, ids);
  const tokens = await find(text);
  expect(tokens).toHaveLength(4);
  tokens.forEach((token, i) => {
    const scores = softmax(logits.slice(2 * (i + 1), 2 * (i + 2)));
    const best = scores[0] >= scores[1] ? 0 : 1;
    expect(token).toEqual({
      ...{ entity: ["B-X", "I-X"][best], score: expect.closeTo(scores[best], 5), index: i + 1 },
      ...{ word: ["ada", "lives", "in", "london"][i] },
      ...{ start: [0, 4, 10, 13][i], end: [3, 9, 12, 19][i] },
    });
  });
  const [groups] = await find([text], { aggregationStrategy: "simple" });
  for (const group of groups) {
    expect(Object.keys(group).sort()).toEqual(["end", "entity_group", "score", "start", "word"]);
    expect(text.slice(group.start, group.end).toLowerCase()).toBe(group.word);
  }
  model.dispose();
});

test("question answering: a piece of the context, or the best ones", async () => {
  const model = await AutoModelForQuestionAnswering.fromConfig(config, { seed: 2 });
  const ask = await pipeline("question-answering", model, { tokenizer });
  const question = { question: "where does ada live", context: "She lives in Paris" };
  const answer = (await ask(question)) as { answer: string; start: number; end: number; score: number };
  expect(Object.keys(answer)).toEqual(["score", "start", "end", "answer"]);
  expect(question.context.slice(answer.start, answer.end)).toBe(answer.answer);
  const [list] = (await ask([question], { topK: 3, maxAnswerLen: 2 })) as {
    answer: string;
    score: number;
  }[][];
  expect(list).toHaveLength(3);
  for (const { answer } of list) expect(answer.split(" ").length).toBeLessThanOrEqual(2);
  expect(list.map(({ score }) => score)).toEqual(list.map(({ score }) => score).sort((a, b) => b - a));
  expect(await errorOf(() => ask({ question: "where" } as never))).toMatchObject({
    message: "pipeline question-answering: input 0 must be a text that is not empty, got undefined",
  });
  model.dispose();
});

test("masks: a list of tokens for one, a list of lists for several", async () => {
  const model = await AutoModelForMaskedLM.fromConfig(config, { seed: 3 });
  const fill = await pipeline("fill-mask", model, { tokenizer });
  const { ids } = tokenizer.encode("ada [MASK] in london");
  const logits = await logitsOf(model, ids);
  const scores = softmax(logits.slice(2 * tokenizer.vocabSize, 3 * tokenizer.vocabSize));
  const best = scores.indexOf(Math.max(...scores));
  const [first, second] = (await fill("ada [MASK] in london", { topK: 2 })) as unknown as Record<
    string,
    unknown
  >[];
  expect(first).toEqual({
    ...{ token: best, token_str: tokenizer.idToToken(best), score: expect.closeTo(scores[best], 5) },
    sequence: expect.stringContaining("in london"),
  });
  expect(second.score as number).toBeLessThanOrEqual(first.score as number);
  const two = (await fill("[MASK] lives in [MASK]")) as unknown[][];
  expect(two.map((list) => list.length)).toEqual([5, 5]);
  model.dispose();
});

test("a folder: loaded, used and freed; one without the head is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "athanor-pipeline-"));
  const model = await AutoModelForSequenceClassification.fromConfig(config, {
    labels: ["no", "yes"],
    seed: 1,
  });
  await model.savePretrained(folder);
  await tokenizer.save(folder);
  const mine = await pipeline("sentiment-analysis", model, { tokenizer });
  const loaded = await pipeline("sentiment-analysis", folder);
  expect(await loaded("ada lives")).toEqual(await mine("ada lives"));
  loaded.dispose();
  expect(await errorOf(() => loaded("ada"))).toMatchObject({ code: "ERR_DISPOSED" });
  mine.dispose(); // not its own
  expect(await mine("ada")).toMatchObject({ label: expect.any(String) });
  model.dispose();
  const base = await AutoModel.fromConfig(config);
  await base.savePretrained(folder);
  base.dispose();
  expect(await errorOf(() => pipeline("sentiment-analysis", folder))).toEqual({
    code: "ERR_CHECKPOINT",
    message: `${folder}: must be a model for sentiment-analysis, got one without classifier.weight, classifier.bias`,
  });
  await rm(folder, { recursive: true });
  expect(await errorOf(() => pipeline("fill-mask", base))).toMatchObject({
    message: "pipeline: tokenizer must be given beside a model, got none",
  });
});
