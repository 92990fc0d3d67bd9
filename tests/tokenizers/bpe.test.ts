// BPE beside the fixtures: long words, the memory of words, odd vocabularies.

import { describe, expect, test } from "@jest/globals";

import { Bpe } from "../../src/tokenizers/models/bpe.js";
import { NormalizedText } from "../../src/tokenizers/normalized-text.js";
import { TokenList } from "../../src/tokenizers/token-list.js";
import { expectError, gpt2 } from "./support.js";

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function tokenize(model: Bpe, word: string): number[] {
  const text = new NormalizedText();
  text.load(word);
  const out = new TokenList();
  model.tokenize(text, 0, text.length, 0, out);
  return Array.from(out.ids.subarray(0, out.length));
}

// The definition: the first merge of the list that applies, everywhere, from the left; and again.
function byDefinition(
  vocabulary: Record<string, number>,
  merges: [string, string][],
  word: string,
): number[] {
  let symbols = [...word];
  for (;;) {
    const ranks = symbols
      .slice(1)
      .map((right, i) => merges.findIndex((m) => m[0] === symbols[i] && m[1] === right));
    const known = ranks.filter((rank) => rank >= 0);
    if (known.length === 0) return symbols.map((symbol) => vocabulary[symbol]);
    const at = ranks.indexOf(Math.min(...known));
    symbols = [...symbols.slice(0, at), symbols[at] + symbols[at + 1], ...symbols.slice(at + 2)];
  }
}

describe("merges", () => {
  const next = random(1);
  const pick = (from: string[]) => from[Math.floor(next() * from.length)];
  const tokens = [..."abcd"];
  const merges: [string, string][] = [];
  while (merges.length < 60) {
    const pair: [string, string] = [pick(tokens), pick(tokens)];
    const merged = pair.join("");
    if (merged.length > 6 || merges.some((known) => known.join() === pair.join())) continue;
    merges.push(pair);
    if (!tokens.includes(merged)) tokens.push(merged);
  }
  const vocabulary = Object.fromEntries(tokens.map((token, id) => [token, id]));

  test("of short and long words, as defined", () => {
    const model = new Bpe(vocabulary, merges);
    for (let i = 0; i < 300; i++) {
      const length = 1 + Math.floor(next() * 80);
      const word = Array.from({ length }, () => pick([..."abcd"])).join("");
      const wanted = byDefinition(vocabulary, merges, word);
      // The second time from memory
      expect(tokenize(model, word)).toEqual(wanted);
      expect(tokenize(model, word)).toEqual(wanted);
    }
  });

  test("are the same after more other words than are remembered", () => {
    const model = new Bpe(vocabulary, merges);
    const before = tokenize(model, "abcdabcdabcd");
    for (let i = 0; i < 70_000; i++)
      tokenize(
        model,
        i.toString(4).replaceAll(/\d/g, (d) => "abcd"[Number(d)]),
      );
    expect(tokenize(model, "abcdabcdabcd")).toEqual(before);
  });
});

describe("a word of a megabyte", () => {
  test("in GPT-2's vocabulary", async () => {
    const tokenizer = await gpt2();
    const text = "abcdefgh".repeat(131_072);
    const encoding = tokenizer.encode(text);
    expect(encoding.offsets[2 * encoding.length - 1]).toBe(text.length);
    expect(tokenizer.decode(encoding.ids)).toBe(text);
    // Far from the ends every repetition has the same tokens
    const part = tokenizer.encode("abcdefgh".repeat(64));
    expect(Array.from(encoding.ids.subarray(0, part.length - 8))).toEqual(
      Array.from(part.ids.subarray(0, part.length - 8)),
    );
  });
});

describe("vocabularies that do not fit", () => {
  test.each<[string, () => unknown, RegExp]>([
    ["no object", () => new Bpe("ab", []), /vocabulary must be an array of tokens, or an object/],
    ["empty", () => new Bpe({}, []), /at least one token, got none/],
    ["an id twice", () => new Bpe({ a: 0, b: 0 }, []), /ids must be distinct, got 0 for "a" and "b"/],
    ["a token twice", () => new Bpe(["a", "a"], []), /tokens must be distinct, got "a"/],
    ["an id that is none", () => new Bpe({ a: -1 }, []), /the id of "a" must be an integer from 0, got -1/],
    ["an id out of all bounds", () => new Bpe({ a: 2 ** 40 }, []), /the id of "a" must be an integer/],
    [
      "a merge of unknown tokens",
      () => new Bpe(["a"], [["a", "b"]]),
      /must be in the vocabulary, got "b" in merge 0/,
    ],
    ["a merge to an unknown token", () => new Bpe(["a", "b"], [["a", "b"]]), /got "ab" in merge 0/],
  ])("%s", async (_, call, message) => {
    await expectError(call, "ERR_TOKENIZER", message);
  });

  test("an unknown token that is missing is an error when it is needed", async () => {
    const model = new Bpe(["a"], [], { unkToken: "<unk>" });
    expect(tokenize(model, "aa")).toEqual([0, 0]);
    await expectError(() => tokenize(model, "ab"), "ERR_TOKENIZER", /must hold the unknown token "<unk>"/);
  });

  test("names of object members are tokens like any other", () => {
    const vocabulary = JSON.parse('{"__proto__": 0, "constructor": 1, "_": 2}');
    const model = new Bpe(vocabulary, []);
    expect(model.tokenToId("__proto__")).toBe(0);
    expect(model.tokenToId("toString")).toBeUndefined();
    expect(Object.keys(model.toJson().vocab as object)).toEqual(["__proto__", "constructor", "_"]);
  });
});
