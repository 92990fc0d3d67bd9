// Every code point, and random strings of odd characters: Hugging Face tokenizers 0.23.2 (BertNormalizer,
// BertPreTokenizer; tests/fixtures/tokenizers/make_bert_characters.py).

import { describe, expect, test } from "@jest/globals";

import {
  bertCharacterTable,
  CHINESE,
  CONTROL,
  MARK,
  PUNCTUATION,
  WHITESPACE,
} from "../../src/tokenizers/bert-characters.js";
import { NormalizedText } from "../../src/tokenizers/normalized-text.js";
import { BertNormalizer } from "../../src/tokenizers/normalizers/bert.js";
import { Pieces } from "../../src/tokenizers/pieces.js";
import { BertPreTokenizer } from "../../src/tokenizers/pre-tokenizers/bert.js";
import { readJson, utf16Positions } from "./support.js";

type Ranges = [number, number][];
type Piece = [string, number, number];

interface Characters {
  classes: Record<"control" | "whitespace" | "chinese" | "mark" | "punctuation", Ranges>;
  stripped: Record<string, string>;
  lower: Record<string, string>;
  strings: { text: string; lower: Piece[]; plain: Piece[] }[];
}

const fixture = readJson<Characters>("tokenizers/bert-characters.json.gz");
const NOTHING = { cleanText: false, tokenizeChineseChars: false, stripAccents: false, lowercase: false };

function normalized(normalizer: BertNormalizer, text: string, out = new NormalizedText()): NormalizedText {
  const input = new NormalizedText();
  input.load(text);
  out.clear();
  normalizer.normalize(input, out);
  return out;
}

function isSurrogate(point: number): boolean {
  return point >= 0xd800 && point < 0xe000;
}

// Where something happens: two planes, compatibility ideographs, tags and variation selectors.
const BLOCKS = [
  [0, 0x1ffff],
  [0x2f800, 0x2fa1f],
  [0xe0000, 0xe01ef],
];

// What each code point becomes under one step, where that differs from itself.
function changes(normalizer: BertNormalizer): Record<string, string> {
  const found: Record<string, string> = {};
  const out = new NormalizedText();
  for (const [first, last] of BLOCKS) {
    for (let point = first; point <= last; point++) {
      if (isSurrogate(point)) continue;
      const text = String.fromCodePoint(point);
      const result = normalized(normalizer, text, out).slice();
      if (result !== text && result !== "") found[point.toString(16)] = result;
    }
  }
  return found;
}

// Node knows the cases of characters up to its own Unicode version.
function known(map: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).filter(([key]) => /\P{Cn}/u.test(String.fromCodePoint(Number.parseInt(key, 16)))),
  );
}

describe("every code point", () => {
  test.each([
    ["control", CONTROL],
    ["whitespace", WHITESPACE],
    ["chinese", CHINESE],
    ["mark", MARK],
    ["punctuation", PUNCTUATION],
  ] as [keyof Characters["classes"], number][])("%s", (name, flag) => {
    const wanted = new Uint8Array(0x110000);
    for (const [first, last] of fixture.classes[name]) wanted.fill(1, first, last + 1);
    const table = bertCharacterTable();
    let differing = 0;
    for (let point = 0; point < 0x110000; point++) {
      if (!isSurrogate(point) && (wanted[point] === 1) !== ((table[point] & flag) !== 0)) differing++;
    }
    expect(differing).toBe(0);
  });

  test("accents stripped", () => {
    expect(changes(new BertNormalizer({ ...NOTHING, stripAccents: true }))).toEqual(known(fixture.stripped));
  });

  test("lower-cased", () => {
    expect(changes(new BertNormalizer({ ...NOTHING, lowercase: true }))).toEqual(known(fixture.lower));
  });
});

describe("random strings", () => {
  test.each([
    ["lower", new BertNormalizer()],
    ["plain", new BertNormalizer({ lowercase: false })],
  ] as ["lower" | "plain", BertNormalizer][])("%s: words and their offsets", (name, normalizer) => {
    expect(fixture.strings.length).toBe(1500);
    const splitter = new BertPreTokenizer();
    for (const item of fixture.strings) {
      const text = normalized(normalizer, item.text);
      const pieces = new Pieces();
      pieces.begin(text, 0, text.length);
      splitter.preTokenize(pieces);
      const { spans } = pieces;
      const found: Piece[] = [];
      for (let i = 0; i < spans.length; i += 2) {
        const [from, to] = [spans.values[i], spans.values[i + 1]];
        found.push([text.slice(from, to), text.starts[from], text.ends[to - 1]]);
      }
      const map = utf16Positions(item.text);
      const wanted = item[name].map(([word, from, to]): Piece => [word, map[from], map[to]]);
      expect({ text: item.text, words: found }).toEqual({ text: item.text, words: wanted });
    }
  });
});

describe("the steps of the normalizer", () => {
  test("nothing to do gives the text back", () => {
    const text = "\u0000A\té\u0301中\ud800😀";
    const out = normalized(new BertNormalizer(NOTHING), text);
    expect(out.slice()).toBe(text);
    expect(Array.from(out.starts.subarray(0, out.length))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 7]);
    expect(Array.from(out.ends.subarray(0, out.length))).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 9]);
  });

  test("lone surrogates are removed by cleaning, like other characters without text", () => {
    expect(normalized(new BertNormalizer(), "a\ud800b\udc00c\ud83d").slice()).toBe("abc");
  });

  test("a long text keeps its alignment", () => {
    const text = "中É x".repeat(5000);
    const out = normalized(new BertNormalizer(), text);
    expect(out.slice()).toBe(" 中 e x".repeat(5000));
    expect(out.starts[out.length - 1]).toBe(text.length - 1);
    expect(out.ends[out.length - 1]).toBe(text.length);
  });
});
