// Every misuse has its code and says who, what was needed, what came. And odd input that is no misuse.

import { describe, expect, test } from "@jest/globals";

import { BertTokenizer, type BertTokenizerOptions, type EncodeOptions } from "../../src/tokenizers/index.js";
import { bert, expectError, plain, vocabulary } from "./support.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

describe("vocabularies", () => {
  test.each<[string, unknown, RegExp]>([
    ["none", undefined, /^WordPiece: the vocabulary must be an array of strings, got undefined$/],
    ["a string", "[UNK]", /must be an array of strings, got \[UNK\]/],
    ["empty", [], /at least one token, got none/],
    ["not strings", [...SPECIAL, 5], /token 5 must be a string, got 5/],
    ["repeated tokens", [...SPECIAL, "a", "b", "a"], /must be distinct, got "a" as number 5 and as number 7/],
    ["a line feed in a token", [...SPECIAL, "a\nb"], /token 5 must be a string without a line feed/],
    [
      "no unknown token",
      ["[CLS]", "[SEP]", "a"],
      /must hold the unknown token "\[UNK\]", got 3 tokens without it/,
    ],
    ["no [CLS]", ["[UNK]", "[SEP]"], /must hold "\[CLS\]", got 2 tokens without it/],
    ["no [SEP]", ["[UNK]", "[CLS]"], /must hold "\[SEP\]"/],
  ])("%s", async (_, tokens, message) => {
    await expectError(() => BertTokenizer.fromVocabulary(tokens as string[]), "ERR_TOKENIZER", message);
  });

  test("without [PAD] and [MASK] all but padding works", async () => {
    const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "a", "##b"]);
    expect(tokenizer.padTokenId).toBeNull();
    expect(tokenizer.maskTokenId).toBeNull();
    expect(tokenizer.encode("a ab b").tokens).toEqual(["[CLS]", "a", "a", "##b", "[UNK]", "[SEP]"]);
    await expectError(
      () => tokenizer.encode("a", { padding: "longest" }),
      "ERR_ARGUMENT",
      /no padding token/,
    );
  });

  test("other names for the special tokens", () => {
    const names = { unkToken: "<u>", clsToken: "<c>", sepToken: "<s>", padToken: "<p>", maskToken: "<m>" };
    const tokenizer = BertTokenizer.fromVocabulary(["<p>", "<u>", "<c>", "<s>", "<m>", "a"], names);
    expect(tokenizer.encode("a <m> b").tokens).toEqual(["<c>", "a", "<m>", "<u>", "<s>"]);
    expect(tokenizer.padTokenId).toBe(0);
  });
});

describe("options of the tokenizer", () => {
  test.each<[unknown, RegExp]>([
    [null, /options must be an object, got null/],
    [{ lowercase: true }, /option must be one of doLowerCase, .*, got lowercase/],
    [{ doLowerCase: "yes" }, /doLowerCase must be true or false, got yes/],
    [{ stripAccents: 1 }, /stripAccents must be true or false or null, got 1/],
    [{ unkToken: "" }, /unkToken must be a string with at least one character/],
    [{ modelMaxLength: 0 }, /modelMaxLength must be an integer of at least 1, got 0/],
    [{ paddingSide: "top" }, /paddingSide must be "left" or "right", got top/],
    [{ addedTokens: ["ok", {}] }, /addedTokens\[1\] must be a string/],
  ])("%p", async (options, message) => {
    const call = () => BertTokenizer.fromVocabulary(SPECIAL, options as BertTokenizerOptions);
    await expectError(call, "ERR_ARGUMENT", message);
  });
});

describe("encode", () => {
  test.each<[unknown]>([[undefined], [null], [5], [{}], [new Uint8Array(3)]])("of %p", async (text) => {
    const message = /^encode: text must be a string or an array of words, got/;
    await expectError(() => bert().encode(text as string), "ERR_ARGUMENT", message);
    await expectError(
      () => bert().encode("a", { pair: (text ?? 7) as string }),
      "ERR_ARGUMENT",
      /pair must be/,
    );
    await expectError(
      () => bert().encodeBatch([text as string]),
      "ERR_ARGUMENT",
      /^encodeBatch: texts\[0\] must be/,
    );
  });

  test("of words that are no strings", async () => {
    await expectError(
      () => bert().encode(["a", 3 as never]),
      "ERR_ARGUMENT",
      /text\[1\] must be a string, got 3/,
    );
    const batch = [["a", ["b"]] as never];
    const call = () => bert().encodeBatch(batch, { isSplitIntoWords: true });
    await expectError(call, "ERR_ARGUMENT", /texts\[0\] must be an array of words, or two of them/);
    await expectError(() => bert().encodeBatch([["a", "b", "c"]]), "ERR_ARGUMENT", /or isSplitIntoWords set/);
    await expectError(
      () => bert().encodeBatch(["a"], { pair: "b" } as never),
      "ERR_ARGUMENT",
      /pair must be left out/,
    );
    const words = { isSplitIntoWords: true } as never;
    await expectError(() => bert().encode(["a"], words), "ERR_ARGUMENT", /isSplitIntoWords must be left out/);
    await expectError(() => bert().encodeBatch({} as never), "ERR_ARGUMENT", /texts must be an array/);
  });

  test.each<[unknown, RegExp]>([
    [null, /options must be an object/],
    [{ maxlength: 3 }, /option must be one of .*, got maxlength/],
    [{ maxLength: -1 }, /maxLength must be an integer of at least 1, got -1/],
    [{ maxLength: 1 }, /maxLength must be at least the 2 special tokens, got 1/],
    [{ maxLength: 2.5 }, /maxLength must be an integer/],
    [{ maxLength: "8" }, /maxLength must be an integer/],
    [
      { truncation: "longest" },
      /truncation must be false or "longest_first" or "only_first" or "only_second", got longest/,
    ],
    [{ truncation: "only_second", maxLength: 8 }, /without a pair/],
    [{ truncation: "longest_first" }, /maxLength must be given for truncation/],
    [{ truncation: "longest_first", maxLength: 8, stride: 7 }, /stride must be less than the 6 tokens/],
    [
      { truncation: "longest_first", maxLength: 8, stride: 6, pair: "b c d e f g h" },
      /stride must be less than/,
    ],
    [{ maxLength: 8, stride: -1 }, /stride must be an integer of at least 0/],
    [{ padding: true }, /padding must be false or "longest" or "max_length", got true/],
    [{ padding: "max_length" }, /maxLength must be given for padding "max_length"/],
    [{ padToMultipleOf: 8 }, /padding must be set when padToMultipleOf is, got false/],
    [{ padding: "longest", padToMultipleOf: 0 }, /padToMultipleOf must be an integer of at least 1/],
    [{ paddingSide: "both" }, /paddingSide must be "left" or "right"/],
    [{ truncationSide: 3 }, /truncationSide must be "left" or "right", got 3/],
    [{ addSpecialTokens: 1 }, /addSpecialTokens must be false or true/],
    [{ target: true }, /target must be false/],
  ])("with %j", async (options, message) => {
    await expectError(
      () => bert().encode("a b c d e f g", options as EncodeOptions),
      "ERR_ARGUMENT",
      message,
    );
  });
});

describe("decode", () => {
  test("outside the vocabulary", async () => {
    for (const id of [30522, -1, 1.5, Number.NaN, "7"]) {
      const call = () => bert().decode([101, id as number]);
      await expectError(call, "ERR_ARGUMENT", /^decode: ids\[1\] must be an integer from 0 to 30521, got/);
    }
    await expectError(
      () => bert().decode("101" as never),
      "ERR_ARGUMENT",
      /ids must be an array of token ids/,
    );
    await expectError(() => bert().decode(101 as never), "ERR_ARGUMENT", /ids must be an array of token ids/);
    await expectError(() => bert().decodeBatch(101 as never), "ERR_ARGUMENT", /batch must be an array/);
  });

  test("nothing", () => {
    expect(bert().decode([])).toBe("");
    expect(bert().decode([101, 102], { skipSpecialTokens: true })).toBe("");
  });
});

describe("odd input that is allowed", () => {
  test("lone surrogates", () => {
    expect(bert().encode("a\ud800b \udfff c\ud83d").tokens).toEqual(["[CLS]", "ab", "c", "[SEP]"]);
    const cased = BertTokenizer.fromVocabulary([...SPECIAL, "a"], { cleanText: false });
    expect(cased.encode("a \ud800").tokens).toEqual(["[CLS]", "a", "[UNK]", "[SEP]"]);
  });

  test("words of a hundred characters and of one more", () => {
    const tokenizer = BertTokenizer.fromVocabulary([...SPECIAL, "a", "##a", "𝐀", "##𝐀"]);
    expect(tokenizer.encode("a".repeat(100)).length).toBe(102);
    expect(tokenizer.encode("a".repeat(101)).tokens).toEqual(["[CLS]", "[UNK]", "[SEP]"]);
    expect(tokenizer.encode("𝐀".repeat(100)).length).toBe(102);
    expect(tokenizer.encode("𝐀".repeat(101)).length).toBe(3);
  });

  test("maxLength alone truncates, and modelMaxLength is the default", () => {
    expect(bert().encode("a b c d e f g", { maxLength: 5 }).length).toBe(5);
    expect(bert().encode("a b c d e f g", { maxLength: 5, truncation: false }).length).toBe(9);
    const tokenizer = BertTokenizer.fromVocabulary(vocabulary("bert-base-uncased"), { modelMaxLength: 6 });
    expect(tokenizer.encode("a b c d e f g").length).toBe(9);
    expect(tokenizer.encode("a b c d e f g", { truncation: "only_first" }).length).toBe(6);
    expect(tokenizer.encode("a", { padding: "max_length" }).length).toBe(6);
  });

  test("a text of a megabyte", () => {
    const text = "The quick brown fox. Ünïcödé 中文! ".repeat(30000);
    const encoding = bert().encode(text);
    expect(encoding.length).toBe(30000 * 9 + 2);
    expect(text.slice(encoding.offsets[2 * 270000], encoding.offsets[2 * 270000 + 1])).toBe("!");
    expect(plain(bert().encode("hello")).ids).toEqual([101, 7592, 102]);
  });

  test("an encoding spread into an example keeps its arrays", () => {
    const example = { ...bert().encode("hello"), labels: 1 };
    expect(Array.from(example.ids)).toEqual([101, 7592, 102]);
    expect(ArrayBuffer.isView(example.typeIds)).toBe(true);
  });
});
