// tokenizer.json and folders: what is read, what is refused, what the parts of a folder decide.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { AutoTokenizer, Tokenizer } from "../../src/tokenizers/index.js";
import { bert, expectError, plain } from "./support.js";

const MODEL = { type: "WordPiece", unk_token: "[UNK]", vocab: { "[UNK]": 0, a: 1, b: 2, "##b": 3 } };

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "athanor-json-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function folderWith(files: Record<string, unknown>): Promise<string> {
  const folder = join(root, String(count++));
  await mkdir(folder);
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  }
  return folder;
}

describe("a tokenizer.json that is refused", () => {
  const added = (more: object) => ({ model: MODEL, added_tokens: [{ id: 4, content: "x", ...more }] });
  const template = (single: unknown[]) => ({
    model: MODEL,
    post_processor: { type: "TemplateProcessing", single, pair: [], special_tokens: {} },
  });
  const nested = (depth: number): unknown =>
    depth === 0 ? { type: "NFC" } : { type: "Sequence", normalizers: [nested(depth - 1)] };
  test.each<[string, unknown, RegExp]>([
    ["cut off", JSON.stringify({ model: MODEL }).slice(0, -3), /tokenizer.json must be JSON/],
    ["no object", [], /tokenizer.json must be an object, got an array of 0/],
    ["of another version", { version: "2.0", model: MODEL }, /version must be "1.0", got 2.0/],
    ["without model", {}, /model must be an object/],
    ["an unknown model", { model: { type: "LSTM" } }, /model.type must be one of .*, got LSTM/],
    [
      "an inherited name",
      { model: { type: "constructor" } },
      /model.type must be one of .*, got constructor/,
    ],
    ["an unknown stage", { model: MODEL, normalizer: { type: "Upper" } }, /normalizer.type must be one of/],
    [
      "a stage that is none",
      { model: MODEL, normalizer: "NFC" },
      /normalizer must be an object or null, got NFC/,
    ],
    [
      "a field of another kind",
      { model: MODEL, normalizer: { type: "Strip", strip_left: 1 } },
      /strip_left must be true/,
    ],
    [
      "a bad pattern",
      { model: MODEL, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Removed" } },
      /balanced/,
    ],
    [
      "a bad behavior",
      { model: MODEL, pre_tokenizer: { type: "Punctuation", behavior: "Gone" } },
      /behavior must be "Removed"/,
    ],
    ["ids twice", { model: { ...MODEL, vocab: { "[UNK]": 0, a: 0 } } }, /ids must be distinct, got 0/],
    [
      "without its unknown token",
      { model: { ...MODEL, vocab: { a: 0 } } },
      /must hold the unknown token "\[UNK\]"/,
    ],
    ["an added id that leaves a gap", added({ id: 9 }), /added token "x": its id must be 4, .*got 9/],
    ["an added id that is another's", added({ content: "a" }), /added token "a": its id must be 1, .*got 4/],
    [
      "an added token that is no text",
      added({ content: 7 }),
      /added_tokens\[0\].content must be a string, got 7/,
    ],
    [
      "a template without its token",
      template([{ SpecialToken: { id: "[CLS]", type_id: 0 } }]),
      /among the special_tokens, got \[CLS\]/,
    ],
    ["a template without the text", template([]), /single must be a template with the text once/],
    [
      "dropout",
      { model: { type: "BPE", vocab: { a: 0 }, merges: [], dropout: 0.1 } },
      /dropout must be null or 0/,
    ],
    [
      "merges of three",
      { model: { type: "BPE", vocab: { a: 0 }, merges: ["a a a"] } },
      /merges\[0\] must be two tokens/,
    ],
    [
      "two templates",
      {
        model: MODEL,
        post_processor: {
          type: "Sequence",
          processors: [
            { type: "BertProcessing", sep: ["a", 1], cls: ["b", 2] },
            { type: "BertProcessing", sep: ["a", 1], cls: ["b", 2] },
          ],
        },
      },
      /at most one that adds special tokens/,
    ],
  ])("%s", async (_, json, message) => {
    await expectError(() => Tokenizer.fromJson(json as object), "ERR_TOKENIZER", message);
  });

  test("stages inside each other without end do not crash", () => {
    expect(() => Tokenizer.fromJson({ model: MODEL, normalizer: nested(50) } as object)).not.toThrow();
  });
});

describe("truncation and padding of a tokenizer.json", () => {
  const json = {
    model: MODEL,
    pre_tokenizer: { type: "WhitespaceSplit" },
    truncation: { direction: "Left", max_length: 3, strategy: "LongestFirst", stride: 1 },
    padding: {
      strategy: { Fixed: 3 },
      direction: "Left",
      pad_to_multiple_of: null,
      pad_id: 2,
      pad_type_id: 5,
      pad_token: "b",
    },
  };

  test("are what encode does", () => {
    const tokenizer = Tokenizer.fromJson(json);
    expect(tokenizer.encode("a b a b").tokens).toEqual(["b", "a", "b"]);
    const short = tokenizer.encode("a");
    expect(short.tokens).toEqual(["b", "b", "a"]);
    expect(Array.from(short.typeIds)).toEqual([5, 5, 0]);
    expect(short.charToToken(0)).toBe(2);
    expect(short.tokenToChars(0)).toBeNull();
  });

  test("unless it is told otherwise, and in a folder", async () => {
    const options = { truncation: false, padding: false } as const;
    expect(Tokenizer.fromJson(json).encode("a b a b", options).length).toBe(4);
    const tokenizer = await AutoTokenizer.fromPretrained(await folderWith({ "tokenizer.json": json }));
    expect(tokenizer.encode("a b a b").length).toBe(4);
    expect(tokenizer.encode("a", { padding: "max_length", maxLength: 2 }).tokens).toEqual(["b", "a"]);
  });
});

describe("a folder", () => {
  test("with tokenizer.json: names, lengths and further tokens from the other files", async () => {
    const folder = await folderWith({
      "tokenizer.json": { model: MODEL, pre_tokenizer: { type: "WhitespaceSplit" } },
      "tokenizer_config.json": {
        model_max_length: 9,
        padding_side: "left",
        cls_token: "a",
        mask_token: { content: "[M]", lstrip: true },
      },
      "special_tokens_map.json": { pad_token: "[P]" },
    });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(tokenizer.modelMaxLength).toBe(9);
    expect([tokenizer.clsTokenId, tokenizer.padTokenId, tokenizer.maskTokenId]).toEqual([1, 4, 5]);
    expect(tokenizer.encode("b  [M]", { padding: "max_length" }).tokens.slice(-2)).toEqual(["b", "  [M]"]);
  });

  test("with tokenizer.json and options that change its stages, or cannot", async () => {
    const json = bert().toJson();
    const folder = await folderWith({ "tokenizer.json": json });
    const tokenizer = await AutoTokenizer.fromPretrained(folder, { doLowerCase: false });
    expect(tokenizer.encode("Hello").tokens).toEqual(["[CLS]", "[UNK]", "[SEP]"]);
    const call = () => AutoTokenizer.fromPretrained(folder, { addPrefixSpace: true });
    await expectError(
      call,
      "ERR_ARGUMENT",
      /addPrefixSpace must be left out: tokenizer.json has no ByteLevel/,
    );
  });

  test("of RoBERTa and of GPT-2, by class, by model and by its files", async () => {
    const tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "Ġ", "Ġa", "<mask>"];
    const files = {
      "vocab.json": Object.fromEntries(tokens.map((token, id) => [token, id])),
      "merges.txt": "#version: 0.2\nĠ a\n",
    };
    for (const more of [
      { "config.json": { model_type: "bart" } },
      { "tokenizer_config.json": { tokenizer_class: "RobertaTokenizerFast" } },
      {},
    ]) {
      const tokenizer = await AutoTokenizer.fromPretrained(await folderWith({ ...files, ...more }));
      const encoding = tokenizer.encode("a a<mask>", { pair: "a" });
      expect(encoding.tokens).toEqual(["<s>", "a", "Ġa", "<mask>", "</s>", "</s>", "a", "</s>"]);
      expect(Array.from(encoding.offsets.slice(2, 8))).toEqual([0, 1, 2, 3, 3, 9]);
      expect(encoding.wordToTokens(1)).toEqual([2, 3]);
    }
    const folder = await folderWith(files);
    const gpt2 = await AutoTokenizer.fromPretrained(folder, { class: "GPT2Tokenizer", addPrefixSpace: true });
    // It has a special token that the vocabulary lacks, which is added as Transformers does it
    expect(gpt2.eosTokenId).toBe(8);
    expect(gpt2.encode("a<|endoftext|>").tokens).toEqual(["Ġa", "<|endoftext|>"]);
  });

  test("that is saved loads again, by tokenizer.json and by the files of its family", async () => {
    const folder = join(root, "saved");
    await bert().save(folder);
    for (const options of [{}, { class: "BertTokenizer" }]) {
      const again = await AutoTokenizer.fromPretrained(folder, options);
      expect(plain(again.encode("Héllo [MASK] unaffable"))).toEqual(
        plain(bert().encode("Héllo [MASK] unaffable")),
      );
      expect(again.toJson()).toEqual(bert().toJson());
    }
  });
});

describe("long input", () => {
  test("a line of ten megabytes", () => {
    const json = { model: MODEL, normalizer: { type: "NFC" }, pre_tokenizer: { type: "Whitespace" } };
    const text = "a ab ".repeat(2 ** 21);
    const encoding = Tokenizer.fromJson(json).encode(text);
    expect(encoding.length).toBe(3 * 2 ** 21);
    expect(encoding.offsets[2 * encoding.length - 1]).toBe(text.length - 1);
  });
});
