// Families with a SentencePiece vocabulary on random Unicode: transformers 5.18.0, tokenizers 0.23.2;
// Marian's fixture: transformers 5.18.0, sentencepiece 0.2.2. See make_sentencepiece.py and make_mbart.py.

import { describe, expect, test } from "@jest/globals";

import { AutoTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import { FAMILIES, inFolder, loadFamily } from "./sentencepiece-folder.js";
import { expectError, plain, readJson, utf16Positions } from "./support.js";

interface Case {
  ids: number[];
  tokens?: string[];
  offsets?: number[];
  word_ids?: (number | null)[];
  target_ids?: number[];
  decoded: string;
  decoded_skip_special: string;
}

const { texts, families } = readJson<{ texts: string[]; families: Record<string, Case[]> }>(
  "tokenizers/sentencepiece.json.gz",
);
families.mbart50 = readJson<{ cases: Case[] }>("tokenizers/mbart.json.gz").cases;
const LANGUAGES = { srcLang: "de_DE", tgtLang: "ro_RO" };
const load = (name: string) => loadFamily(name, name.startsWith("mbart") ? LANGUAGES : {});

function check(tokenizer: Tokenizer, text: string, wanted: Case): void {
  const found = plain(tokenizer.encode(text));
  expect({ text, ids: found.ids }).toEqual({ text, ids: wanted.ids });
  if (wanted.tokens !== undefined) {
    const places = utf16Positions(text);
    expect({ text, tokens: found.tokens, offsets: found.offsets, words: found.wordIds }).toEqual({
      text,
      tokens: wanted.tokens,
      offsets: wanted.offsets!.map((offset) => places[offset]),
      words: wanted.word_ids,
    });
  }
  if (wanted.target_ids !== undefined) {
    expect(Array.from(tokenizer.encode(text, { target: true }).ids)).toEqual(wanted.target_ids);
  }
  expect(tokenizer.decode(wanted.ids)).toBe(wanted.decoded);
  expect(tokenizer.decode(wanted.ids, { skipSpecialTokens: true })).toBe(wanted.decoded_skip_special);
}

describe.each(Object.keys(FAMILIES))("%s", (name) => {
  test("every field on random Unicode", async () => {
    const tokenizer = await load(name);
    expect(texts.length).toBe(400);
    texts.forEach((text, i) => {
      check(tokenizer, text, families[name][i]);
    });
  });

  test("saved and loaded again, and on worker threads, it is the same", async () => {
    const tokenizer = await load(name);
    const again = await inFolder(async (folder) => {
      await tokenizer.save(folder);
      return await AutoTokenizer.fromPretrained(folder);
    });
    texts.slice(0, 100).forEach((text, i) => {
      check(again, text, families[name][i]);
    });
    const long = "a word \u8a9e ".repeat(1000);
    const batch = [...texts.slice(0, 50), long];
    const [there] = [await tokenizer.encodeBatchAsync(batch, { threads: 1 })];
    expect(there.map(plain)).toEqual(tokenizer.encodeBatch(batch).map(plain));
  });
});

test("Marian's source and target models, decoding", async () => {
  const tokenizer = await load("marian");
  const { strings } = readJson<{ strings: Record<string, unknown>[] }>("tokenizers/opus-mt-en-mg.json.gz");
  expect(strings.length).toBe(159);
  for (const item of strings) {
    const text = item.text as string;
    const source = tokenizer.encode(text);
    const target = tokenizer.encode(text, { target: true });
    expect({ text, ids: Array.from(source.ids), tokens: source.tokens }).toEqual({
      text,
      ids: item.source_ids,
      tokens: item.source_tokens,
    });
    expect({ ids: Array.from(target.ids), tokens: target.tokens }).toEqual({
      ids: item.target_ids,
      tokens: item.target_tokens,
    });
    expect(tokenizer.decode(item.target_ids as number[], { skipSpecialTokens: true })).toBe(
      item.decoded_target,
    );
  }
});

test("a language code is a token of its own, known or not", async () => {
  const tokenizer = await load("marian");
  const { ids, tokens, offsets } = tokenizer.encode(">>rom<< Hello there");
  expect(tokens).toEqual(["<unk>", "\u2581Hello", "\u2581there", "</s>"]);
  expect(ids[0]).toBe(tokenizer.unkTokenId);
  expect(Array.from(offsets)).toEqual([0, 7, 8, 13, 14, 19, 0, 0]);
});

test("configuration is honoured", async () => {
  const t5 = await loadFamily(
    "t5",
    {},
    { extra_ids: 5, model_max_length: 17, additional_special_tokens: ["<sep>"] },
  );
  expect(t5.vocabSize).toBe(32_006);
  expect(t5.modelMaxLength).toBe(17);
  expect(t5.tokenToId("<extra_id_0>")).toBe(32_004);
  expect(t5.encode("a<sep>b").tokens).toContain("<sep>");
  const albert = await loadFamily("albert", { keepAccents: true }, { do_lower_case: false });
  expect(albert.encode("na\u00efve").tokens).toContain("\u00ef");
  const mbart = await loadFamily("mbart", {}, { src_lang: "fr_XX", tgt_lang: "ja_XX" });
  expect(mbart.encode("a").tokens.at(-1)).toBe("fr_XX");
  expect(mbart.encode("a", { target: true }).tokens.at(-1)).toBe("ja_XX");
  await expectError(() => loadFamily("mbart", { srcLang: "xx_XX" }), "ERR_TOKENIZER", /"xx_XX"/);
  await expectError(() => loadFamily("t5", { extraIds: -1 }), "ERR_ARGUMENT", /extraIds must be an integer/);
  await expectError(() => loadFamily("t5", { srcLang: "en_XX" }), "ERR_ARGUMENT", /option must be one of/);
});
