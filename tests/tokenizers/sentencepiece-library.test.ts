// SentencePiece models of all types as the SentencePiece library runs them (sentencepiece 0.2.2), and files
// that are none.

import { describe, expect, test } from "@jest/globals";

import { SentencePieceModel } from "../../src/tokenizers/models/sentencepiece.js";
import { NormalizedText } from "../../src/tokenizers/normalized-text.js";
import { Charsmap } from "../../src/tokenizers/sentencepiece/charsmap.js";
import { decodePieces } from "../../src/tokenizers/sentencepiece/decoder.js";
import { readSentencePiece } from "../../src/tokenizers/sentencepiece/model-file.js";
import { SentencePieceNormalizer } from "../../src/tokenizers/sentencepiece/normalizer.js";
import { TokenList } from "../../src/tokenizers/token-list.js";
import { uniform } from "../support/random.js";
import { modelBytes } from "./sentencepiece-folder.js";
import { expectError, readJson } from "./support.js";

interface Case {
  ids: number[];
  decoded: string;
}

const { texts, library } = readJson<{ texts: string[]; library: Record<string, Case[]> }>(
  "tokenizers/sentencepiece.json.gz",
);

function encode(model: SentencePieceModel, text: string): number[] {
  const input = new NormalizedText();
  const output = new NormalizedText();
  input.load(text);
  new SentencePieceNormalizer(model.file, model.symbolEnd).normalize(input, output);
  const tokens = new TokenList();
  model.tokenize(output, 0, output.length, 0, tokens);
  return Array.from(tokens.ids.subarray(0, tokens.length));
}

describe.each(Object.keys(library))("%s", (name) => {
  test("ids and text on random Unicode", () => {
    const model = new SentencePieceModel(readSentencePiece(modelBytes(`sentencepiece-test/${name}.model`)));
    texts.forEach((text, i) => {
      const wanted = library[name][i];
      expect({ text, ids: encode(model, text) }).toEqual({ text, ids: wanted.ids });
      const pieces = wanted.ids.map((id) => model.file.pieces[id]);
      expect(decodePieces(model.file, model.ids, pieces)).toBe(wanted.decoded);
    });
  });
});

// The fields of a message, one piece `<unk>` and one `a`
const UNKNOWN = [0x0a, 0x09, 0x0a, 0x05, 0x3c, 0x75, 0x6e, 0x6b, 0x3e, 0x18, 0x02];
const PIECE = [0x0a, 0x08, 0x0a, 0x01, 0x61, 0x15, 0, 0, 0x80, 0xbf];

test.each<[string, number[], RegExp]>([
  ["nothing", [], /at least one piece, got none/],
  ["no unknown piece", PIECE, /an unknown piece, got none/],
  ["two unknown pieces", [...UNKNOWN, ...UNKNOWN], /one unknown piece/],
  ["a truncated piece", UNKNOWN.slice(0, 6), /bytes in field 1/],
  ["an endless number", Array(12).fill(0xff), /at most 10 bytes/],
  ["a length beyond the end", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], /bytes in field 1/],
  ["a field of number 0", [0x02, 0x00], /a field number/],
  ["a group", [0x0b], /wire type/],
  ["a piece of another type", [0x08, 0x01], /wire type 2 for field 1/],
  ["a piece that is no UTF-8", [0x0a, 0x03, 0x0a, 0x01, 0xff], /UTF-8/],
  ["an empty piece", [0x0a, 0x00], /a text, got none/],
  ["a score that is no number", [0x0a, 0x08, 0x0a, 0x01, 0x61, 0x15, 0, 0, 0xc0, 0x7f], /finite score/],
  ["a type that is none", [0x0a, 0x05, 0x0a, 0x01, 0x61, 0x18, 0x09], /type from 1 to 6/],
])("%s is refused", async (_, bytes, message) => {
  await expectError(() => readSentencePiece(Uint8Array.from(bytes)), "ERR_TOKENIZER", message);
});

test("a repeated piece is refused", async () => {
  const file = readSentencePiece(Uint8Array.from([...UNKNOWN, ...PIECE, ...PIECE]));
  await expectError(
    () => new SentencePieceModel(file),
    "ERR_TOKENIZER",
    /distinct, got "a" as number 1 and as number 2/,
  );
});

test("character maps that are none are refused", async () => {
  for (const bytes of [[], [1, 2, 3], [8, 0, 0, 0, 1, 2, 3, 4], [3, 0, 0, 0, 1, 2, 3, 4], [0, 0, 0, 0]]) {
    await expectError(() => Charsmap.parse(Uint8Array.from(bytes)), "ERR_TOKENIZER", /character map/);
  }
});

// Truncated anywhere, or with a few bytes changed, a file is refused with the code, or it is a model that
// works.
test("damaged files, 600 seeded cases", () => {
  const next = uniform(20240);
  const whole = modelBytes("sentencepiece-test/test_sentencepiece_bpe_char.model");
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    let bytes = Uint8Array.from(whole);
    if (round % 3 === 0) bytes = bytes.slice(0, Math.floor(next() * bytes.length));
    else {
      // Half of the changes go where the pieces are: most of the file is the character map
      const reach = round % 2 === 0 ? 1500 : bytes.length;
      for (let i = 0; i < 1 + (round % 7); i++) bytes[Math.floor(next() * reach)] = Math.floor(next() * 256);
    }
    try {
      const model = new SentencePieceModel(readSentencePiece(bytes));
      encode(model, "Some text, \u00e9t\u00e9 \ufb01 \u8a9e\ud83d\ude00");
    } catch (error) {
      expect((error as { code?: string }).code).toBe("ERR_TOKENIZER");
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(200);
});
