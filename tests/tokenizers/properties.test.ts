// What must hold for any text whatever, over all of Unicode: unassigned characters, halves of surrogate pairs,
// combining runs, right-to-left text, emoji sequences, control characters.

import { beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { type Encoding, Tokenizer } from "../../src/tokenizers/index.js";
import { bert, gpt2, plain } from "./support.js";

const SEED = 20240;
const RUNS = Number(process.env.ATHANOR_PROPERTY_RUNS ?? 60);

// Code units of all kinds: whole characters, halves, and what text is made of
const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
    .map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.integer({ min: 0x300, max: 0x36f }), { maxLength: 12 })
    .map((units) => `e${String.fromCharCode(...units)}`),
  fc.constantFrom(
    "👨‍👩‍👧",
    "🇩🇪",
    "👍🏽",
    "שלום",
    "مرحبا",
    " ",
    "\n",
    "\u0000",
    "\u200d",
    "[MASK]",
    "<|endoftext|>",
    "don't",
    "㍿",
  ),
);
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));

const NORMALIZED = {
  type: "Sequence",
  normalizers: [
    { type: "NFKC" },
    { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
    { type: "Strip", strip_left: true, strip_right: true },
  ],
};
const SPLIT = {
  type: "Split",
  pattern: { Regex: "\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+|[^\\s\\p{L}\\p{N}]+" },
  behavior: "Isolated",
  invert: false,
};
const BYTES = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };

const tokenizers: Record<string, Tokenizer> = {};

beforeAll(async () => {
  tokenizers.bert = bert();
  tokenizers["bert-cased"] = bert("bert-base-cased", { doLowerCase: false });
  tokenizers.gpt2 = await gpt2();
  tokenizers["gpt2-prefix"] = await gpt2({ addPrefixSpace: true });
  const json = tokenizers.gpt2.toJson() as { normalizer: unknown; pre_tokenizer: unknown };
  json.normalizer = NORMALIZED;
  json.pre_tokenizer = { type: "Sequence", pretokenizers: [SPLIT, BYTES] };
  tokenizers.normalized = Tokenizer.fromJson(json);
});

function check(holds: (text: string, second: string) => void): void {
  fc.assert(fc.property(text, text, holds), { seed: SEED, numRuns: RUNS });
}

// Half a surrogate pair becomes U+FFFD on the way through UTF-8.
function wellFormed(source: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(source));
}

// Offsets lie inside the text, in order, and words are numbered in order.
function expectOrder(encoding: Encoding, texts: readonly string[]): void {
  const last = [0, 0];
  const words = [0, 0];
  for (let i = 0; i < encoding.length; i++) {
    const sequence = encoding.sequenceIds[i];
    if (sequence === null) continue;
    const [start, end] = encoding.tokenToChars(i)!;
    expect(start).toBeLessThanOrEqual(end);
    expect(start).toBeGreaterThanOrEqual(last[sequence]);
    expect(end).toBeLessThanOrEqual(texts[sequence].length);
    expect(encoding.wordIds[i]).toBeGreaterThanOrEqual(words[sequence]);
    last[sequence] = start;
    words[sequence] = encoding.wordIds[i]!;
  }
}

describe.each(["bert", "bert-cased", "gpt2", "gpt2-prefix", "normalized"])("%s", (name) => {
  test("offsets are in order and inside the text, ids are known", () => {
    check((first, second) => {
      const tokenizer = tokenizers[name];
      for (const encoding of [tokenizer.encode(first), tokenizer.encode(first, { pair: second })]) {
        expectOrder(encoding, [first, second]);
        for (const id of encoding.ids) expect(tokenizer.idToToken(id)).toBeDefined();
      }
    });
  });

  test("a word alone has the same tokens", () => {
    check((first) => {
      const tokenizer = tokenizers[name];
      const encoding = tokenizer.encode(first, { addSpecialTokens: false });
      // GPT-2 splits by what follows; a word of it is looked at with the blank before it
      if (!name.startsWith("bert")) return;
      for (const word of new Set(encoding.wordIds)) {
        const [from, to] = encoding.wordToTokens(word!)!;
        const part = first.slice(encoding.tokenToChars(from)![0], encoding.tokenToChars(to - 1)![1]);
        const again = tokenizer.encode(part, { addSpecialTokens: false });
        expect(Array.from(again.ids)).toEqual(Array.from(encoding.ids.slice(from, to)));
      }
    });
  });

  test("decoding what was decoded and encoded again changes nothing more", () => {
    check((first) => {
      const tokenizer = tokenizers[name];
      const round = (source: string) =>
        tokenizer.decode(tokenizer.encode(source, { addSpecialTokens: false }).ids, {
          skipSpecialTokens: true,
        });
      const once = round(first);
      // Where tokens of the text are special, or unknown, the text is another one
      if (name === "gpt2") expect(once).toBe(wellFormed(first.replaceAll("<|endoftext|>", "")));
      else expect(round(round(once))).toBe(round(once));
    });
  });

  test("windows hold every token of the text, in order", () => {
    check((first) => {
      const tokenizer = tokenizers[name];
      const whole = tokenizer.encode(first);
      const options = { maxLength: 8, stride: 2, truncation: "only_first", returnOverflow: true } as const;
      const encoding = tokenizer.encode(first, options);
      const added = whole.specialTokensMask.reduce((sum, mask) => sum + mask, 0);
      const step = 8 - added - 2;
      const found: number[] = [];
      for (const [i, window] of [encoding, ...encoding.overflowing].entries()) {
        expect(window.length).toBeLessThanOrEqual(8);
        const own = Array.from(window.ids).filter((_, j) => window.specialTokensMask[j] === 0);
        found.splice(i * step, Number.POSITIVE_INFINITY, ...own);
      }
      expect(found).toEqual(Array.from(whole.ids).filter((_, j) => whole.specialTokensMask[j] === 0));
    });
  });

  test("a batch, and one padded, are its texts one by one", () => {
    check((first, second) => {
      const tokenizer = tokenizers[name];
      const batch = tokenizer.encodeBatch([first, second]);
      expect(batch.map(plain)).toEqual([first, second].map((each) => plain(tokenizer.encode(each))));
    });
  });

  test("a stream decodes as the whole does", () => {
    check((first) => {
      const tokenizer = tokenizers[name];
      const { ids } = tokenizer.encode(first);
      const stream = tokenizer.decodeStream();
      const parts = Array.from(ids, (id) => stream.push(id));
      expect(parts.join("") + stream.end()).toBe(tokenizer.decode(ids));
    });
  });
});
