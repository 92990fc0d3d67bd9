// Tasks that generate text, on small models that learn to: what they continue and translate, their scores, and pipelines
// of the same models.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM, type Model } from "../../src/models/index.js";
import { pipeline } from "../../src/pipelines/index.js";
import { causalLanguageModeling, summarization, translation } from "../../src/tasks/index.js";
import { noGrad } from "../../src/tensor/scope.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { uniform } from "../support/random.js";
import { loadFamily } from "../tokenizers/sentencepiece-folder.js";
import { wordTokenizer } from "./language-support.js";

const numbers = "one two three four five six".split(" ");
const zahlen = "eins zwei drei vier funf sechs".split(" ");
const tokenizer = wordTokenizer([...numbers, ...zahlen], 16);
const separator = 3;

const decoder = {
  ...{
    model_type: "gpt2",
    vocab_size: tokenizer.vocabSize,
    n_positions: 16,
    n_embd: 32,
    n_layer: 2,
    n_head: 2,
  },
  ...{
    eos_token_id: separator,
    bos_token_id: 2,
    initializer_range: 0.1,
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
  },
};
const pair = {
  ...{
    model_type: "bart",
    vocab_size: tokenizer.vocabSize,
    d_model: 32,
    max_position_embeddings: 24,
    dropout: 0,
  },
  ...{ encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2, decoder_attention_heads: 2 },
  ...{ encoder_ffn_dim: 64, decoder_ffn_dim: 64, init_std: 0.1, attention_dropout: 0, activation_dropout: 0 },
  ...{ pad_token_id: 0, bos_token_id: 2, eos_token_id: separator, decoder_start_token_id: separator },
  ...{ forced_eos_token_id: null },
};

/** Counting on from a number, to six and around. */
const counting = Array.from({ length: 60 }, (_, i) => {
  return { text: Array.from({ length: 6 }, (_, k) => numbers[(i + k) % 6]).join(" ") };
});
const next = uniform(4);
const translations = Array.from({ length: 200 }, () => {
  const ids = Array.from({ length: 1 + Math.floor(5 * next()) }, () => Math.floor(6 * next()));
  return { source: ids.map((id) => numbers[id]).join(" "), target: ids.map((id) => zahlen[id]).join(" ") };
});

let counter: Model;
let translator: Model;
const counts = causalLanguageModeling({ maxLength: 8, lineByLine: true, generation: { maxNewTokens: 3 } });
const translates = translation({ generation: { maxNewTokens: 8 } });

beforeAll(async () => {
  counter = await AutoModelForCausalLM.fromConfig(decoder, { seed: 2 });
  const args = { epochs: 12, batchSize: 12, learningRate: 5e-3, warmupRatio: 0.1, seed: 1 };
  await new Trainer({ model: counter, tokenizer, task: counts, train: counting, args }).train();
  translator = await AutoModelForSeq2SeqLM.fromConfig(pair, { seed: 2 });
  const more = { ...args, epochs: 40, batchSize: 20 };
  await new Trainer({
    model: translator,
    tokenizer,
    task: translates,
    train: translations,
    args: more,
  }).train();
}, 120_000);

afterAll(() => {
  counter?.dispose();
  translator?.dispose();
});

test("texts are continued as they were learnt", async () => {
  const trainer = new Trainer({ model: counter, tokenizer, task: counts });
  // Prompts end with [SEP], as this tokenizer makes them: without it they go on.
  const examples = ["two three four", "five six one"].map((text) => tokenizer.encode(text).ids.slice(0, -1));
  const { sequences } = await counter.generate(
    examples.map((inputIds) => ({ inputIds })),
    { maxNewTokens: 3 },
  );
  expect(sequences.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true }))).toEqual([
    "two three four five six one",
    "five six one two three four",
  ]);
  const [{ text, candidates }] = await trainer.predict([{ text: "two three" }]);
  expect(text).toBe(candidates[0]);
  expect(text.startsWith("two three")).toBe(true);
});

test("texts drawn in different batches are drawn anew, and again the same", async () => {
  const generation = { doSample: true, temperature: 5, topK: 0, maxNewTokens: 3 };
  const task = causalLanguageModeling({ generation });
  const predicted = async () => {
    const trainer = new Trainer({ model: counter, tokenizer, task, args: { evalBatchSize: 1, seed: 3 } });
    return (await trainer.predict(Array.from({ length: 6 }, () => ({ text: "one" })))).map(
      ({ text }) => text,
    );
  };
  const texts = await predicted();
  expect(new Set(texts).size).toBeGreaterThan(3);
  expect(await predicted()).toEqual(texts);
});

test("perplexity is exp of the mean over tokens, windows or not", async () => {
  const rows = counting.slice(0, 5);
  const ids = rows.map(({ text }) => tokenizer.encode(text).ids);
  const all = Int32Array.from(ids.flatMap((own) => Array.from(own)));
  // By hand: each token from at most 7 before it (stride 1), from the logits of a window that ends with it.
  let sum = 0;
  for (let at = 1; at < all.length; at++) {
    const window = all.slice(Math.max(0, at - 7), at);
    const batch = counter.collate([{ inputIds: window }]);
    const logits = (await noGrad(() => counter.forward(batch)).logits.data()) as Float32Array;
    const row = logits.subarray(logits.length - tokenizer.vocabSize);
    const most = Math.max(...row);
    sum += Math.log(row.reduce((total, value) => total + Math.exp(value - most), 0)) + most - row[all[at]];
  }
  const task = causalLanguageModeling({ maxLength: 8, stride: 1 });
  const metrics = await new Trainer({ model: counter, tokenizer, task, eval: rows }).evaluate();
  expect(metrics.perplexity / Math.exp(sum / (all.length - 1))).toBeCloseTo(1, 5);
});

test("translations are learnt and scored", async () => {
  const held = translations.slice(0, 40);
  const trainer = new Trainer({ model: translator, tokenizer, task: translates, eval: held });
  const { bleu, chrf, loss } = await trainer.evaluate();
  expect(bleu).toBeGreaterThan(95);
  expect(chrf).toBeGreaterThan(95);
  expect(loss).toBeLessThan(0.2);
  const [{ text }] = await trainer.predict([{ source: "two six one" }]);
  expect(text).toBe("zwei sechs eins");
  const quick = translation({ generateInEvaluation: false });
  const alone = await new Trainer({ model: translator, tokenizer, task: quick, eval: held }).evaluate();
  expect(alone).toEqual({ loss });
});

test("mBART: texts end with their language's code, with that of the target the decoder begins", async () => {
  const languages = await loadFamily("mbart", { srcLang: "en_XX", tgtLang: "ro_RO" });
  const [english, romanian] = ["en_XX", "ro_RO"].map((code) => languages.tokenToId(code));
  const ids = { pad_token_id: 1, bos_token_id: 0, eos_token_id: 2, decoder_start_token_id: 2 };
  const config = { ...pair, ...ids, model_type: "mbart", vocab_size: languages.vocabSize };
  const model = await AutoModelForSeq2SeqLM.fromConfig(config, { seed: 2 });
  const task = translation({ generation: { maxNewTokens: 2 } });
  const rows = [{ source: "one", target: "unu" }];
  const context = { model, tokenizer: languages, rest: async () => {} };
  const [{ inputIds, labels }] = await task.prepare(rows, { ...context, labels: "required" });
  expect((inputIds as Int32Array).at(-1)).toBe(english);
  expect((labels as Int32Array).at(-1)).toBe(romanian);
  expect((await model.collate([{ inputIds, labels }]).decoder!.inputIds.data())[0]).toBe(romanian);
  const starts: number[] = [];
  const generate = model.generate.bind(model);
  model.generate = async (...call) => {
    const result = await generate(...call);
    starts.push(result.sequences[0][0]);
    return result;
  };
  await new Trainer({ model, tokenizer: languages, task }).predict(rows);
  expect(starts).toEqual([romanian]);
  model.dispose();
});

test("summaries are scored by ROUGE, several of one source are candidates", async () => {
  const rows = translations
    .slice(0, 10)
    .map(({ source, target }) => ({ document: [source], summary: [target] }));
  const task = summarization({ generation: { maxNewTokens: 8, numBeams: 3, numReturnSequences: 3 } });
  const trainer = new Trainer({ model: translator, tokenizer, task, eval: rows });
  const metrics = await trainer.evaluate();
  expect(Object.keys(metrics)).toEqual(["loss", "rouge1", "rouge2", "rougeL", "rougeLsum"]);
  expect(metrics.rougeL).toBeGreaterThan(95);
  const [{ text, candidates }] = await trainer.predict([{ document: "four five" }]);
  expect(candidates).toHaveLength(3);
  expect([text, candidates[0]]).toEqual(["vier funf", "vier funf"]);
});

test("stop strings end texts; options that contradict each other are told before a run's first step", async () => {
  const short = translation({ generation: { maxNewTokens: 8, stopStrings: ["sechs"] } });
  const trainer = new Trainer({ model: translator, tokenizer, task: short });
  expect((await trainer.predict([{ source: "two six one" }]))[0].text).toBe("zwei sechs");
  const wrong = { numBeams: 2, numReturnSequences: 3 };
  const message = "generate: numReturnSequences must be at most numBeams (2), got 3";
  for (const [model, task, train] of [
    [translator, translation({ generation: wrong }), translations],
    [counter, causalLanguageModeling({ generation: wrong }), counting],
  ] as const) {
    const run = () => new Trainer({ model, tokenizer, task, train, args: { maxSteps: 1 } }).train();
    expect(await errorOf(run)).toEqual({ code: "ERR_ARGUMENT", message });
  }
});

test("pipelines name their results as Transformers does", async () => {
  const translate = await pipeline("translation", translator, { tokenizer });
  expect(await translate(["three", "one two"], { maxNewTokens: 8 })).toEqual([
    [{ translation_text: "drei" }],
    [{ translation_text: "eins zwei" }],
  ]);
  const summarize = await pipeline("summarization", translator, { tokenizer });
  expect(await summarize("three", { numBeams: 2, maxNewTokens: 8 })).toEqual([{ summary_text: "drei" }]);
  const folder = await mkdtemp(join(tmpdir(), "athanor-pipeline-"));
  await translator.savePretrained(folder);
  await tokenizer.save(folder);
  const loaded = await pipeline("text2text-generation", folder);
  expect(await loaded("three", { maxNewTokens: 8 })).toEqual([{ generated_text: "drei" }]);
  loaded.dispose();
  await rm(folder, { recursive: true });
});

test("text generation: the prompt as it was given, or without it", async () => {
  const generate = await pipeline("text-generation", counter, { tokenizer });
  const options = { maxNewTokens: 2, eosTokenId: null, suppressTokens: [0, 1, 2, 3, 4] };
  const [{ generated_text: full }] = (await generate("one  two", options)) as { generated_text: string }[];
  const rest = (await generate("one  two", { ...options, returnFullText: false })) as {
    generated_text: string;
  }[];
  expect(full.startsWith("one  two ")).toBe(true);
  expect(full.slice("one  two".length).trim()).toBe(rest[0].generated_text.trim());
  expect(rest[0].generated_text.split(" ")).toHaveLength(2);
});

test("a model that cannot generate, an empty input, a bad option", async () => {
  const { sequences: _, ...classifier } = { sequences: 0, config: {}, collate: () => {} };
  const task = translation();
  const [example] = await task.prepare([{ source: "one" }], {
    ...{ model: translator, tokenizer, labels: "none", rest: async () => {} },
  });
  expect(await errorOf(() => task.respond!([example], classifier as never, { seed: 1 }))).toEqual({
    code: "ERR_ARGUMENT",
    message: "translation: model must be one that generates, got another",
  });
  const translate = await pipeline("translation", translator, { tokenizer });
  expect(await errorOf(() => translate(["one", " "]))).toEqual({
    code: "ERR_ARGUMENT",
    message: 'pipeline translation: input 1 must be a text that is not empty, got " "',
  });
  expect(await errorOf(() => translate("one", { numReturnSequences: 2 }))).toMatchObject({
    code: "ERR_ARGUMENT",
  });
  expect(await errorOf(() => pipeline("translate" as never, translator))).toMatchObject({
    message: expect.stringContaining("pipeline: task must be one of text-classification,"),
  });
});
