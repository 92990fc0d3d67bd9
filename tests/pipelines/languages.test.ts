// Translation with languages, by pipeline and task: small random models with mBART's and mBART-50's tokenizers.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { AutoModelForSeq2SeqLM, type Model } from "../../src/models/index.js";
import { pipeline } from "../../src/pipelines/index.js";
import { summarization, translation } from "../../src/tasks/index.js";
import type { Tokenizer } from "../../src/tokenizers/index.js";
import { Trainer } from "../../src/training/index.js";
import { errorOf } from "../data/temporary.js";
import { wordTokenizer } from "../tasks/language-support.js";
import { loadFamily } from "../tokenizers/sentencepiece-folder.js";

const END = 2;
const config = {
  ...{ model_type: "mbart", d_model: 16, max_position_embeddings: 32, init_std: 0.5 },
  ...{ encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2, decoder_attention_heads: 2 },
  ...{ encoder_ffn_dim: 16, decoder_ffn_dim: 16, dropout: 0, forced_eos_token_id: null },
  ...{ pad_token_id: 1, bos_token_id: 0, eos_token_id: END, decoder_start_token_id: END },
};
const short = { maxNewTokens: 4 };

/** What a model is asked and what it says, call by call. */
function watched(model: Model): { asked: number[][]; said: number[][] } {
  const calls = { asked: [] as number[][], said: [] as number[][] };
  const generate = model.generate.bind(model);
  model.generate = async (examples, options) => {
    const result = await generate(examples, options);
    calls.asked.push(...examples.map(({ inputIds, ids }) => Array.from(inputIds ?? ids ?? [], Number)));
    calls.said.push(...result.sequences.map((ids) => Array.from(ids)));
    return result;
  };
  return calls;
}

describe.each(["mbart", "mbart50"] as const)("%s", (name) => {
  // Where the code stands: texts of mBART end with it, and its decoder reads it first.
  const source = (ids: readonly number[], code: number) =>
    name === "mbart" ? [...ids, END, code] : [code, ...ids, END];
  const start = (code: number) => (name === "mbart" ? [code] : [END, code]);
  let tokenizer: Tokenizer;
  let model: Model;
  let words: number[];
  const id = (code: string) => tokenizer.tokenToId(code) as number;

  beforeAll(async () => {
    tokenizer = await loadFamily(name);
    model = await AutoModelForSeq2SeqLM.fromConfig(
      { ...config, vocab_size: tokenizer.vocabSize },
      { seed: 3 },
    );
    words = Array.from(tokenizer.encode("the world", { addSpecialTokens: false }).ids);
  });
  afterAll(() => model?.dispose());

  test("a pipeline begins with the language that it is given, for good or for a call", async () => {
    const translate = await pipeline("translation", model, { tokenizer, tgtLang: "ro_RO" });
    const calls = watched(model);
    const [{ translation_text: text }] = await translate("the world", short);
    await translate(["the world"], { ...short, srcLang: "de_DE", tgtLang: "fr_XX", numBeams: 2 });
    await translate("the world", { ...short, tgtLang: undefined, forcedBosTokenId: 7 });
    expect(calls.asked).toEqual(["en_XX", "de_DE", "en_XX"].map((code) => source(words, id(code))));
    const begins = calls.said.map((ids, i) => ids.slice(0, start(i).length));
    expect(begins.slice(0, 2)).toEqual([start(id("ro_RO")), start(id("fr_XX"))]);
    expect(calls.said[2].slice(0, 2)).toEqual([name === "mbart" ? id("ro_RO") : END, 7]);
    expect(text).toBe(tokenizer.decode(calls.said[0], { skipSpecialTokens: true }).trim());
    expect(text).not.toContain("ro_RO");
  });

  test("languages saved with the tokenizer, or begun with by the model, need not be given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "athanor-languages-"));
    await model.savePretrained(folder);
    await (await loadFamily(name, { srcLang: "de_DE", tgtLang: "ro_RO" })).save(folder);
    const saved = await pipeline("translation", folder);
    const calls = watched(saved.model);
    await saved("the world", short);
    expect(calls.asked).toEqual([source(words, id("de_DE"))]);
    expect(calls.said[0].slice(0, start(0).length)).toEqual(start(id("ro_RO")));
    const own = await pipeline("translation", saved.model, { tokenizer });
    saved.model.generationConfig.forcedBosTokenId = id("zh_CN");
    await own("the world", short);
    await own("the world", { ...short, tgtLang: "fr_XX" });
    expect(calls.said[1].slice(0, 2)).toEqual([name === "mbart" ? id("zh_CN") : END, id("zh_CN")]);
    expect(calls.said[2].slice(0, 2)).toEqual([name === "mbart" ? id("fr_XX") : END, id("fr_XX")]);
    saved.dispose();
    await rm(folder, { recursive: true });
  });

  test("a task learns targets in their language, and answers in it", async () => {
    const task = translation({ srcLang: "de_DE", tgtLang: "ro_RO", generation: short });
    const rows = [{ source: "the world", target: "the world" }];
    const context = { model, tokenizer, rest: async () => {} };
    const [{ inputIds, labels }] = await task.prepare(rows, { ...context, labels: "required" });
    expect(Array.from(inputIds!)).toEqual(source(words, id("de_DE")));
    expect(Array.from(labels as Int32Array)).toEqual(source(words, id("ro_RO")));
    const { decoder } = model.collate([{ inputIds, labels }]);
    const read = Array.from(await decoder!.inputIds.data());
    expect(read.slice(0, start(0).length)).toEqual(start(id("ro_RO")));
    const calls = watched(model);
    await new Trainer({ model, tokenizer, task }).predict(rows);
    expect(calls.said[0].slice(0, start(0).length)).toEqual(start(id("ro_RO")));
    // A summary is in the language of its text.
    const summarizes = summarization({ generation: short });
    await new Trainer({ model, tokenizer, task: summarizes }).predict([{ document: "the world" }]);
    expect(calls.said[1].slice(0, start(0).length)).toEqual(start(id("en_XX")));
  });

  test("unknown languages, and none to translate into", async () => {
    const some = "ar_AR, cs_CZ, de_DE, en_XX, es_XX, et_EE, fi_FI, fr_XX, gu_IN, hi_IN, it_IT, ja_XX";
    const known = `one of ${some} and ${name === "mbart" ? 13 : 40} more`;
    const fault = (message: string) => ({ code: "ERR_ARGUMENT", message });
    expect(await errorOf(() => pipeline("translation", model, { tokenizer, tgtLang: "ro" }))).toEqual(
      fault(`pipeline translation: tgtLang must be ${known}, got "ro"`),
    );
    const translate = await pipeline("translation", model, { tokenizer });
    expect(await errorOf(() => translate("the world"))).toEqual(
      fault(`pipeline translation: tgtLang must be ${known}, got none`),
    );
    expect(await errorOf(() => translate("the world", { srcLang: "xx_XX", tgtLang: "ro_RO" }))).toEqual(
      fault(`pipeline translation: srcLang must be ${known}, got "xx_XX"`),
    );
    const context = { model, tokenizer, labels: "none", rest: async () => {} } as const;
    expect(await errorOf(() => translation({ tgtLang: "ro" }).prepare([{ source: "a" }], context))).toEqual(
      fault(`translation: tgtLang must be ${known}, got "ro"`),
    );
    expect(await errorOf(() => translation({ srcLang: 4 as never }))).toEqual(
      fault("translation: srcLang must be the code of a language, got 4"),
    );
  });
});

test("a tokenizer without languages, a task without translations", async () => {
  const tokenizer = wordTokenizer(["one"], 16);
  const bart = { ...config, model_type: "bart", vocab_size: tokenizer.vocabSize };
  const model = await AutoModelForSeq2SeqLM.fromConfig(bart, { seed: 3 });
  const message = "tgtLang must be left out: the tokenizer has no languages";
  const fault = (who: string) => ({ code: "ERR_ARGUMENT", message: `${who}: ${message}, got "ro_RO"` });
  const make = () => pipeline("translation", model, { tokenizer, tgtLang: "ro_RO" });
  expect(await errorOf(make)).toEqual(fault("pipeline translation"));
  const context = { model, tokenizer, labels: "none", rest: async () => {} } as const;
  const prepare = () => translation({ tgtLang: "ro_RO" }).prepare([{ source: "one" }], context);
  expect(await errorOf(prepare)).toEqual(fault("translation"));
  expect(await errorOf(() => pipeline("summarization", model, { tokenizer, srcLang: "en_XX" }))).toEqual({
    code: "ERR_ARGUMENT",
    message: "pipeline summarization: srcLang must be left out, it is for translation",
  });
  model.dispose();
});
