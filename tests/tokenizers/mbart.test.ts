// mBART's and mBART-50's languages, against transformers 5.18.0 (make_mbart.py).
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { AutoTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { inFolder, loadFamily, modelBytes } from "./sentencepiece-folder.js";
import { expectError, plain, readJson } from "./support.js";

interface Translation {
  src: string;
  tgt: string;
  ids: number[];
  labels: number[];
  pair: number[];
  forced: number;
}
interface SavedTokenizer {
  normalizer: { normalizers: { precompiled_charsmap: string }[] };
}
type ByName<T> = Record<"mbart" | "mbart50", T>;

const { languages, translations, saved, cases } = readJson<{
  languages: ByName<Record<string, number>>;
  translations: ByName<Translation[]>;
  saved: { tokenizer: SavedTokenizer; config: object };
  cases: { ids: number[]; target_ids: number[] }[];
}>("tokenizers/mbart.json.gz");
const { texts } = readJson<{ texts: string[] }>("tokenizers/sentencepiece.json.gz");
const names = ["mbart", "mbart50"] as const;

function checkTranslations(tokenizer: Tokenizer, wanted: readonly Translation[]): void {
  for (const { src, tgt, ids, labels, pair, forced } of wanted) {
    expect(Array.from(tokenizer.encode("Hello  the world", { language: src }).ids)).toEqual(ids);
    for (const target of [true, false]) {
      expect(Array.from(tokenizer.encode("the world", { language: tgt, target }).ids)).toEqual(labels);
    }
    expect(Array.from(tokenizer.encode("Hello", { pair: "the world", language: src }).ids)).toEqual(pair);
    expect(tokenizer.tokenToId(tgt)).toBe(forced);
  }
}

test.each(names)("%s: its languages, and a language for each call", async (name) => {
  const tokenizer = await loadFamily(name);
  const { codes, srcLang, tgtLang } = tokenizer.languages!;
  expect(codes).toEqual(Object.keys(languages[name]));
  expect(codes.map((code) => tokenizer.tokenToId(code))).toEqual(Object.values(languages[name]));
  expect([srcLang, tgtLang]).toEqual(["en_XX", null]);
  checkTranslations(tokenizer, translations[name]);
  const [, { src, ids }] = translations[name];
  const batch = [...Array.from({ length: 3000 }, () => "Hello  the world"), "x ".repeat(3000)];
  const encodings = await tokenizer.encodeBatchAsync(batch, { language: src, threads: 1 });
  expect(Array.from(encodings[2999].ids)).toEqual(ids);
  const short = tokenizer.encodeBatch(["Hello  the world"], {
    language: src,
    truncation: "only_first",
    maxLength: 3,
  });
  expect(plain(short[0]).ids).toHaveLength(3);
  expect(plain(short[0]).ids).toContain(languages[name][src]);
});

test.each(names)("%s: saved and loaded again, the languages are the same", async (name) => {
  const tokenizer = await loadFamily(name, { srcLang: "zh_CN", tgtLang: "de_DE" });
  const [again, untold] = await inFolder(async (folder) => {
    await tokenizer.save(folder);
    const loaded = await AutoTokenizer.fromPretrained(folder);
    const config = JSON.parse(await readFile(join(folder, "tokenizer_config.json"), "utf8"));
    expect(config).toMatchObject({ src_lang: "zh_CN", tgt_lang: "de_DE" });
    await (await loadFamily(name)).save(folder);
    return [loaded, await AutoTokenizer.fromPretrained(folder)];
  });
  expect(again.languages).toEqual(tokenizer.languages);
  expect([again.languages?.srcLang, again.languages?.tgtLang]).toEqual(["zh_CN", "de_DE"]);
  expect(untold.languages?.tgtLang).toBeNull();
  const [, { ids, labels }] = translations[name];
  expect(Array.from(again.encode("Hello  the world").ids)).toEqual(ids);
  expect(Array.from(again.encode("the world", { target: true }).ids)).toEqual(labels);
  checkTranslations(again, translations[name]);
});

test("mBART-50: tokenizer.json as Transformers writes it, and loaded from there", async () => {
  const tokenizer = await loadFamily("mbart50", { srcLang: "de_DE", tgtLang: "ro_RO" });
  const ours = tokenizer.toJson() as SavedTokenizer;
  const [first] = ours.normalizer.normalizers;
  saved.tokenizer.normalizer.normalizers[0].precompiled_charsmap = first.precompiled_charsmap;
  expect(ours).toEqual(saved.tokenizer);
  const loaded = await inFolder(async (folder) => {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(saved.tokenizer));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(saved.config));
    return await AutoTokenizer.fromPretrained(folder);
  });
  expect(loaded.languages).toEqual(tokenizer.languages);
  texts.forEach((text, i) => {
    expect(Array.from(loaded.encode(text).ids)).toEqual(cases[i].ids);
    expect(Array.from(loaded.encode(text, { target: true }).ids)).toEqual(cases[i].target_ids);
  });
  checkTranslations(loaded, translations.mbart50);
});

test("the class may be named by config.json alone", async () => {
  const tokenizer = await inFolder(async (folder) => {
    const config = { model_type: "mbart", tokenizer_class: "MBart50Tokenizer" };
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    const bytes = modelBytes("sentencepiece-test/test_sentencepiece.model");
    await writeFile(join(folder, "sentencepiece.bpe.model"), bytes);
    return await AutoTokenizer.fromPretrained(folder);
  });
  expect(tokenizer.languages?.codes).toHaveLength(52);
});

test("a language that was added to the vocabulary is one of the tokenizer's", async () => {
  const added = [{ content: "hy_AM", special: true }];
  const loaded = await inFolder(async (folder) => {
    await (await loadFamily("mbart50", { addedTokens: added })).save(folder);
    return await AutoTokenizer.fromPretrained(folder, { tgtLang: "hy_AM" });
  });
  expect(loaded.languages?.codes).toHaveLength(53);
  expect(loaded.tokenToId("hy_AM")).toBe(1054);
  expect(loaded.encode("a", { target: true }).ids[0]).toBe(1054);
});

test("languages that there are not", async () => {
  const known = "ar_AR, cs_CZ, de_DE, en_XX";
  const message = new RegExp(`MBart50Tokenizer: tgtLang must be one of ${known}.* and 40 more, got "xx_XX"`);
  await expectError(() => loadFamily("mbart50", { tgtLang: "xx_XX" }), "ERR_TOKENIZER", message);
  await expectError(() => loadFamily("mbart", { srcLang: "pl_PL" }), "ERR_TOKENIZER", /"pl_PL"/);
  const tokenizer = await loadFamily("mbart");
  const encode = async () => tokenizer.encode("a", { language: "pl_PL" });
  await expectError(encode, "ERR_ARGUMENT", /encode: language must be one of ar_AR.*, got "pl_PL"/);
  const plainOne = await loadFamily("xlm-roberta");
  expect(plainOne.languages).toBeNull();
  const wrong = async () => plainOne.encode("a", { language: "en_XX" });
  await expectError(wrong, "ERR_ARGUMENT", /language must be left out: the tokenizer has no languages/);
});
