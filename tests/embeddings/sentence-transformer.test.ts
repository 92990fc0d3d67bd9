// Folders of Sentence-Transformers load as they are: embeddings, losses and gradients equal version 6.0.1, and what is saved
// loads again. Refusals name what is wrong.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { SentenceTransformer } from "../../src/embeddings/index.js";
import type { Model } from "../../src/models/index.js";
import { sentenceEmbeddings } from "../../src/tasks/index.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { contextOf } from "../tasks/language-support.js";
import { tinyConfig } from "../training/support.js";
import {
  apart,
  embeddingCase,
  embeddingFolder,
  embeddingTensors,
  expectGradients,
  joined,
} from "./support.js";

const { rows } = embeddingCase;
const sentences = rows.flatMap((row) => row.slice(0, 2) as string[]);

async function withFolder<T>(name: string, use: (model: SentenceTransformer) => Promise<T>): Promise<T> {
  const model = await SentenceTransformer.fromPretrained(embeddingFolder(name));
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

const losses = {
  ranking: [
    sentenceEmbeddings(),
    rows.map(([anchor, positive], i) => ({ anchor, positive, negative: rows[(i + 3) % rows.length][1] })),
  ],
  cosine: [
    sentenceEmbeddings({ loss: "cosineSimilarity", maxScore: 5 }),
    rows.map(([sentence1, sentence2, score]) => ({ sentence1, sentence2, score })),
  ],
} as const;

/** As the reference names parameters. */
const referenceName = (prefix: string, known: readonly string[]) => (name: string) => {
  const own = name.replace(/^2_Dense\./, "2.");
  const found = known.find(
    (candidate) => candidate === own || candidate.replace(/^0\.(auto_)?model\./, "") === own,
  );
  return `${prefix}.${found}`;
};

describe.each(["pooled", "all-modes"] as const)("%s", (name) => {
  test("embeddings", async () => {
    const tensors = await embeddingTensors();
    await withFolder(name, async (model) => {
      expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
      const { data, shape } = tensors.get(`${name}.embeddings`)!;
      expect(model.dimension).toBe(shape[1]);
      expect(apart(joined(await model.encode(sentences)), data)).toBeLessThan(2e-5);
      // Whatever the batches, and one alone as among others.
      expect(apart(joined(await model.encode(sentences, { batchSize: 3 })), data)).toBeLessThan(2e-5);
      expect(apart(await model.encode(sentences[0]), data.slice(0, shape[1]))).toBeLessThan(2e-5);
    });
  });

  test.each(Object.keys(losses) as (keyof typeof losses)[])("loss and gradients: %s", async (kind) => {
    const tensors = await embeddingTensors();
    await withFolder(name, async (model) => {
      const [task, examples] = losses[kind];
      const context = { ...contextOf(model.tokenizer!, "train"), model: model as Model };
      model.train();
      const { loss } = model.forward(model.collate(await task.prepare(examples, context)));
      expect(Math.abs((await loss!.item()) - embeddingCase[name][kind])).toBeLessThan(2e-5);
      loss!.backward();
      const nameOf = referenceName(`${name}.${kind}`, embeddingCase[name].parameters);
      // The pooler is stored and never used.
      const compared = expectGradients(model.parameters(), tensors, nameOf, 2e-5);
      expect(compared).toBe(model.parameters().size - 2);
    });
  });

  test("saved and loaded again", async () => {
    const tensors = await embeddingTensors();
    await inFolder(async (folder) => {
      await withFolder(name, (model) => model.savePretrained(folder));
      const again = await SentenceTransformer.fromPretrained(folder);
      expect(again.loadReport.missing).toEqual([]);
      const { data } = tensors.get(`${name}.embeddings`)!;
      expect(apart(joined(await again.encode(sentences)), data)).toBeLessThan(2e-5);
      again.dispose();
      const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
      const pooling = "1_Pooling/config.json";
      expect(read(join(folder, pooling))).toEqual(read(join(embeddingFolder(name), pooling)));
      const types = (path: string) =>
        read(join(path, "modules.json")).map(({ type }: { type: string }) => type);
      expect(types(folder)).toEqual(types(embeddingFolder(name)));
    });
  });
});

test("prompts: their tokens are not pooled where the model says so", async () => {
  const { data } = (await embeddingTensors()).get("pooled.query")!;
  await withFolder("pooled", async (model) => {
    expect(Object.keys(model.prompts)).toEqual(["document", "passage", "query"]);
    expect(apart(joined(await model.encode(sentences, { promptName: "query" })), data)).toBeLessThan(2e-5);
    const { query } = model.prompts;
    expect(apart(joined(await model.encode(sentences, { prompt: query })), data)).toBeLessThan(2e-5);
    expect(await errorOf(() => model.encode("a man", { promptName: "answer" }))).toEqual({
      code: "ERR_ARGUMENT",
      message: "SentenceTransformer: promptName must be one of document, passage, query, got answer",
    });
  });
});

test("a model in training encodes without dropout, and trains between batches", async () => {
  const config = { hidden_dropout_prob: 0.5, attention_probs_dropout_prob: 0.5 };
  const model = await SentenceTransformer.fromPretrained(embeddingFolder("pooled"), { config });
  const wanted = await model.encode(sentences);
  model.train();
  const both = [2, 1].map((batchSize) => model.encode(sentences, { batchSize }));
  for (let turns = 0; turns < 4; turns++) {
    await setImmediate();
    expect(model.training).toBe(true);
  }
  for (const found of await Promise.all(both)) {
    expect(apart(joined(found), joined(wanted))).toBeLessThan(2e-6);
  }
  model.dispose();
});

test("similarity is the model's own, and matches its embeddings", async () => {
  await withFolder("pooled", async (model) => {
    const [a, b, c] = await model.encode(sentences.slice(0, 3));
    const dot = a.reduce((sum, value, i) => sum + value * b[i], 0);
    const [row] = model.similarity([a], [b, c]);
    expect(row[0]).toBeCloseTo(dot, 5);
    expect(model.similarityPairwise([a, b], [b, b])[1]).toBeCloseTo(1, 5);
    expect([model.maxLength, model.tokenizer!.modelMaxLength]).toEqual([40, 32]);
  });
  await withFolder("all-modes", async (model) => {
    expect([model.maxLength, model.dimension]).toEqual([9, 6 * 24]);
    const [vector] = await model.encode(["a man"], { normalizeEmbeddings: true });
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });
});

test("a plain encoder gets mean pooling, or what options say", async () => {
  await inFolder(async (folder) => {
    cpSync(embeddingFolder("all-modes/0_Transformer"), folder, { recursive: true });
    const mean = await SentenceTransformer.fromPretrained(folder);
    expect([mean.dimension, mean.modules.pooling.modes]).toEqual([24, ["mean"]]);
    mean.dispose();
    const options = { pooling: ["max", "cls"], dense: 8, normalize: true } as const;
    const model = await SentenceTransformer.fromPretrained(folder, { ...options, seed: 5 });
    expect(model.loadReport.missing).toEqual(["2_Dense.linear.weight", "2_Dense.linear.bias"]);
    const before = await model.encode(sentences.slice(0, 2));
    await model.savePretrained(folder);
    model.dispose();
    const again = await SentenceTransformer.fromPretrained(folder);
    expect(await again.encode(sentences.slice(0, 2))).toEqual(before);
    expect(again.modules.further.map(({ path }) => path)).toEqual(["2_Dense", "3_Normalize"]);
    again.dispose();
  });
});

test.each([
  ["modules.json", "{", /modules.json: must be JSON/],
  ["modules.json", '[{"path": "", "type": "a.Pooling"}]', /needs a Transformer, then a Pooling, got Pooling/],
  [
    "modules.json",
    '[{"path": "../x", "type": "a.Transformer"}]',
    /needs paths of folders in the model's own, got/,
  ],
  [
    "1_Pooling/config.json",
    '{"word_embedding_dimension": 12}',
    /embeddings 24 wide as the encoder's, got 12/,
  ],
  [
    "1_Pooling/config.json",
    '{"embedding_dimension": 24, "pooling_mode": "median"}',
    /pooling_mode one or more of cls, max, mean, .*, got median/,
  ],
  ["2_Dense/config.json", '{"in_features": 48}', /needs in_features 24, got 48/],
  [
    "2_Dense/config.json",
    '{"in_features": 24, "out_features": 16, "activation_function": "os.system"}',
    /activation_function one of Identity, Tanh, .*, got os.system/,
  ],
])("%s of a kind that cannot be: %s", async (file, content, message) => {
  await inFolder(async (folder) => {
    cpSync(embeddingFolder("pooled"), folder, { recursive: true });
    writeFileSync(join(folder, file), content);
    const error = await errorOf(() => SentenceTransformer.fromPretrained(folder));
    expect(error).toEqual({ code: "ERR_CHECKPOINT", message: expect.stringMatching(message) });
  });
});

test("modules that are not known, and files that are missing, are named", async () => {
  await inFolder(async (folder) => {
    cpSync(embeddingFolder("pooled"), folder, { recursive: true });
    const file = join(folder, "modules.json");
    const modules = readFileSync(file, "utf8");
    writeFileSync(file, modules.replace(/[\w.]+\.Normalize/, "sentence_transformers.models.LSTM"));
    expect(await errorOf(() => SentenceTransformer.fromPretrained(folder))).toEqual({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(/kinds Transformer, Pooling, Dense and Normalize, got .*LSTM$/),
    });
    writeFileSync(file, modules);
    rmSync(join(folder, "2_Dense/model.safetensors"));
    expect(await errorOf(() => SentenceTransformer.fromPretrained(folder))).toMatchObject({
      code: "ERR_CHECKPOINT",
    });
  });
});

test("wrong options and texts are refused", async () => {
  const config = { ...tinyConfig };
  expect(
    await errorOf(() => SentenceTransformer.fromConfig(config, { pooling: "median" as "mean" })),
  ).toEqual({
    code: "ERR_ARGUMENT",
    message:
      "SentenceTransformer: pooling must be one or more of cls, max, mean, meanSqrtLen, weightedMean, lastToken, " +
      "got median",
  });
  expect(await errorOf(() => SentenceTransformer.fromConfig(config, { dense: 0 }))).toMatchObject({
    code: "ERR_ARGUMENT",
    message: "SentenceTransformer: dense must be an integer from 1, got 0",
  });
  const model = await SentenceTransformer.fromConfig(config);
  const message = async (work: () => Promise<unknown>) => (await errorOf(work)).message;
  expect(await message(() => model.encode(["a", " "]))).toMatch(
    /sentences\[1\] must be a text that is not empty/,
  );
  expect(await message(() => model.encode([]))).toMatch(/must hold at least one text, got none/);
  expect(await message(() => model.encode(["a"]))).toMatch(/tokenizer must be given, got none/);
  model.dispose();
  await withFolder("pooled", async (loaded) => {
    expect(await message(() => loaded.encode(["a"], { batchSize: 0 }))).toMatch(
      /batchSize must be an integer from 1/,
    );
    const signal = AbortSignal.abort();
    expect(await errorOf(() => loaded.encode(sentences, { signal }))).toMatchObject({ code: "ERR_ABORTED" });
  });
});
