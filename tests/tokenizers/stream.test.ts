// Decoding token by token gives the same text, and never half a character.

import { describe, expect, test } from "@jest/globals";

import { Tokenizer } from "../../src/tokenizers/index.js";
import { bert, expectError, gpt2, readJson } from "./support.js";

const TEXTS = [
  "Hello, world! It's 👨‍👩‍👧 and 🇩🇪, naïve café — 中文字符 한국어 العربية.",
  "",
  " leading and trailing ",
  "a\n\n\nb\t😀😀😀😀😀😀😀😀😀😀😀😀 z",
  "do n't say ' that ' , they 've . Really ? No !",
];

function streamed(tokenizer: Tokenizer, ids: ArrayLike<number>, options = {}): string[] {
  const stream = tokenizer.decodeStream(options);
  const parts = Array.from(ids, (id) => stream.push(id));
  return [...parts, stream.end()];
}

function halves(text: string): boolean {
  return /[\ud800-\udbff]$|^[\udc00-\udfff]/.test(text) || text.includes("\ufffd");
}

describe("a stream", () => {
  test("of GPT-2's tokens", async () => {
    const tokenizer = await gpt2();
    for (const text of TEXTS) {
      const parts = streamed(tokenizer, tokenizer.encode(text.repeat(9)).ids);
      expect(parts.join("")).toBe(text.repeat(9));
      expect(parts.filter(halves)).toEqual([]);
    }
  });

  test("of BERT's tokens, cleaned up or not, with special tokens or without", () => {
    const { strings } = readJson<{ strings: { text: string }[] }>("tokenizers/bert-base-uncased.json.gz");
    for (const text of [...TEXTS, ...strings.map((item) => item.text)]) {
      const { ids } = bert().encode(text);
      for (const cleanUpTokenizationSpaces of [true, false]) {
        for (const skipSpecialTokens of [true, false]) {
          const options = { cleanUpTokenizationSpaces, skipSpecialTokens };
          expect(streamed(bert(), ids, options).join("")).toBe(bert().decode(ids, options));
        }
      }
    }
  });

  test("of byte tokens", () => {
    const bytes = Array.from(
      { length: 256 },
      (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
    );
    const tokenizer = Tokenizer.fromJson({
      model: {
        type: "BPE",
        vocab: Object.fromEntries([...bytes, "▁", "a"].map((t, id) => [t, id])),
        merges: [],
        byte_fallback: true,
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
    });
    for (const text of ["▁aé▁中中中中中中中中中中中中中中中中中中a▁😀", "▁a▁a"]) {
      const { ids } = tokenizer.encode(text);
      const parts = streamed(tokenizer, ids);
      expect(parts.join("")).toBe(tokenizer.decode(ids));
      expect(parts.filter(halves)).toEqual([]);
    }
  });

  test("whose end is no character, and the next one", async () => {
    const tokenizer = await gpt2();
    const { ids } = tokenizer.encode("😀");
    const stream = tokenizer.decodeStream();
    expect(stream.push(ids[0])).toBe("");
    expect(stream.end()).toBe("\ufffd");
    expect(Array.from(ids, (id) => stream.push(id)).join("") + stream.end()).toBe("😀");
  });

  test("goes on after an id that is none", async () => {
    const stream = bert().decodeStream();
    expect(stream.push(7592)).toBe("hello");
    await expectError(() => stream.push(-1), "ERR_ARGUMENT", /ids\[1\] must be an integer from 0 to 30521/);
    expect(stream.push(2088)).toBe(" world");
  });
});
