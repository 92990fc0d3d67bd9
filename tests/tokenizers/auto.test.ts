// Loading from folders and saving into them.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { AutoTokenizer, BertTokenizer } from "../../src/tokenizers/index.js";
import { bert, expectError, plain, vocabulary } from "./support.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const TEXT = "Héllo [MASK] unaffable 中文 [ENT]x new_token";

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "athanor-tokenizer-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

// A new folder with these files; values that are no strings become JSON.
async function folderWith(files: Record<string, unknown>): Promise<string> {
  const folder = join(root, String(count++));
  await mkdir(folder);
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  }
  return folder;
}

describe("fromPretrained", () => {
  test("vocab.txt alone: BERT's defaults", async () => {
    const folder = await folderWith({ "vocab.txt": vocabulary("bert-base-uncased").join("\n") });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(tokenizer.vocabSize).toBe(30522);
    expect(tokenizer.modelMaxLength).toBe(Number.POSITIVE_INFINITY);
    expect(plain(tokenizer.encode(TEXT))).toEqual(plain(bert().encode(TEXT)));
  });

  test("line ends of Windows, a mark at the start, separators of Unicode as tokens", async () => {
    const lines = [...SPECIAL, "a", "\u2028", "\u0085"];
    const folder = await folderWith({ "vocab.txt": `\ufeff${lines.join("\r\n")}\r\n` });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(lines.map((token) => tokenizer.tokenToId(token))).toEqual(lines.map((_, id) => id));
    expect(tokenizer.vocabSize).toBe(lines.length);
  });

  test("tokenizer_config.json, and options over it", async () => {
    const folder = await folderWith({
      "vocab.txt": [...SPECIAL, "A", "a", "é", "中文", "##é"].join("\n"),
      "tokenizer_config.json": {
        tokenizer_class: "BertTokenizerFast",
        do_lower_case: false,
        tokenize_chinese_chars: false,
        model_max_length: 7,
        padding_side: "left",
        truncation_side: "left",
      },
    });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(tokenizer.modelMaxLength).toBe(7);
    const encoding = tokenizer.encode("A é 中文", { padding: "max_length" });
    expect(encoding.tokens).toEqual(["[PAD]", "[PAD]", "[CLS]", "A", "é", "中文", "[SEP]"]);
    expect(tokenizer.encode("a a a A A A", { truncation: "only_first" }).tokens[1]).toBe("a");
    const lower = await AutoTokenizer.fromPretrained(folder, { doLowerCase: true, stripAccents: false });
    expect(lower.encode("A É").tokens).toEqual(["[CLS]", "a", "é", "[SEP]"]);
  });

  test("special and added tokens in each of their forms", async () => {
    const vocab = ["<pad>", "<unk>", "<cls>", "<sep>", "<mask>", "x"].join("\n");
    const folder = await folderWith({
      "vocab.txt": vocab,
      "special_tokens_map.json": { pad_token: "<pad>", unk_token: "<unk>", cls_token: { content: "<cls>" } },
      "tokenizer_config.json": {
        sep_token: "<sep>",
        mask_token: { content: "<mask>", lstrip: true, special: true },
        added_tokens_decoder: {
          6: { content: "[E1]", special: true },
          7: { content: "word", special: false },
        },
        additional_special_tokens: ["[E1]", "[E2]"],
        model_max_length: 1e30,
      },
    });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(tokenizer.vocabSize).toBe(9);
    const encoding = tokenizer.encode("x  <mask> [E1][E2] WORD y");
    expect(encoding.tokens).toEqual(["<cls>", "x", "  <mask>", "[E1]", "[E2]", "word", "<unk>", "<sep>"]);
    expect(Array.from(encoding.offsets.slice(4, 6))).toEqual([1, 9]);
    expect(tokenizer.decode(encoding.ids, { skipSpecialTokens: true })).toBe("x word");
  });

  test("added_tokens.json of older versions", async () => {
    const vocab = [...SPECIAL, "x"].join("\n");
    const folder = await folderWith({ "vocab.txt": vocab, "added_tokens.json": { b_b: 7, a_a: 6 } });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    expect(Array.from(tokenizer.encode("a_a B_B x").ids)).toEqual([2, 6, 7, 5, 3]);
    const gap = await folderWith({ "vocab.txt": vocab, "added_tokens.json": { b: 8 } });
    const message = /added token "b" must .* follow its 6 tokens without a gap, got id 8/;
    await expectError(() => AutoTokenizer.fromPretrained(gap), "ERR_TOKENIZER", message);
  });

  test("what is no BERT folder", async () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{}, /must hold tokenizer.json or the files of a family .*, got no file of a tokenizer$/],
      [{ "vocab.json": {}, "config.json": { model_type: "gpt9" } }, /got vocab.json of a "gpt9"$/],
      [{ "merges.txt": "" }, /got merges.txt$/],
      [{ "vocab.txt": "a", "config.json": { model_type: "gpt9" } }, /got vocab.txt of a "gpt9"$/],
      [
        { "merges.txt": "", "config.json": { model_type: "bert" } },
        /must hold vocab.txt, got merges.txt of a/,
      ],
      [{ "vocab.txt": "a", "tokenizer_config.json": "{" }, /tokenizer_config.json must be JSON/],
      [{ "vocab.txt": "a", "tokenizer_config.json": "[]" }, /must hold a JSON object/],
      [{ "vocab.txt": "" }, /at least one token, got none/],
      [{ "vocab.txt": "[UNK]\n[CLS]\n[SEP]\na\na\n" }, /must be distinct/],
      [{ "vocab.txt": "[CLS]\n[SEP]\na\n" }, /must hold the unknown token/],
    ];
    for (const [files, message] of cases) {
      const folder = await folderWith(files);
      await expectError(() => AutoTokenizer.fromPretrained(folder), "ERR_TOKENIZER", message);
    }
    const binary = await folderWith({});
    await writeFile(join(binary, "vocab.txt"), Buffer.from([0xff, 0xfe, 0x00]));
    await expectError(
      () => AutoTokenizer.fromPretrained(binary),
      "ERR_TOKENIZER",
      /must be a UTF-8 text file/,
    );
    await expectError(
      () => AutoTokenizer.fromPretrained(join(root, "none")),
      "ERR_TOKENIZER",
      /folder that can be read/,
    );
    await expectError(
      () => AutoTokenizer.fromPretrained(7 as never),
      "ERR_ARGUMENT",
      /folder must be a path, got 7/,
    );
    const call = () => AutoTokenizer.fromPretrained(root, { class: "GPT9Tokenizer" });
    await expectError(call, "ERR_TOKENIZER", /of a "GPT9Tokenizer"$/);
  });
});

describe("save", () => {
  test("and load again gives the same tokenizer", async () => {
    const tokenizer = BertTokenizer.fromVocabulary(vocabulary("bert-base-cased"), {
      doLowerCase: false,
      stripAccents: true,
      tokenizeChineseChars: false,
      modelMaxLength: 128,
      paddingSide: "left",
      cleanUpTokenizationSpaces: true,
      addedTokens: [{ content: "[ENT]", special: true, rstrip: true }, "new_token"],
    });
    const folder = join(root, "saved", "deeper");
    await tokenizer.save(folder);
    await tokenizer.save(folder);
    expect((await readdir(folder)).sort()).toEqual([
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.txt",
    ]);
    const again = await AutoTokenizer.fromPretrained(folder);
    expect(again.vocabSize).toBe(28998);
    expect(again.modelMaxLength).toBe(128);
    const options = { padding: "max_length" } as const;
    const encoding = tokenizer.encode(TEXT, options);
    expect(plain(again.encode(TEXT, options))).toEqual(plain(encoding));
    expect(again.decode(encoding.ids)).toBe(tokenizer.decode(encoding.ids));
  });

  test("what Transformers reads", async () => {
    const folder = join(root, "for-python");
    await bert().save(folder);
    const read = async (name: string) => JSON.parse(await readFile(join(folder, name), "utf8"));
    expect(await readFile(join(folder, "vocab.txt"), "utf8")).toBe(
      `${vocabulary("bert-base-uncased").join("\n")}\n`,
    );
    const special = {
      unk_token: "[UNK]",
      sep_token: "[SEP]",
      pad_token: "[PAD]",
      cls_token: "[CLS]",
      mask_token: "[MASK]",
    };
    expect(await read("special_tokens_map.json")).toEqual(special);
    expect(await read("tokenizer_config.json")).toMatchObject({
      ...special,
      tokenizer_class: "BertTokenizer",
      do_lower_case: true,
      strip_accents: null,
      tokenize_chinese_chars: true,
      model_max_length: 1e30,
    });
  });

  test("where it cannot", async () => {
    const folder = await folderWith({ file: "x" });
    await expectError(
      () => bert().save(join(folder, "file")),
      "ERR_TOKENIZER",
      /must be a folder that can be written/,
    );
    await expectError(() => bert().save(""), "ERR_ARGUMENT", /save: folder must be a path/);
  });
});
