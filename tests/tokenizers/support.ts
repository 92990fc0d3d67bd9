// What the tokenizer tests share: fixtures, vocabularies, and an encoding as plain data.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { expect } from "@jest/globals";

import {
  AutoTokenizer,
  type AutoTokenizerOptions,
  BertTokenizer,
  type BertTokenizerOptions,
  type Encoding,
  type Tokenizer,
} from "../../src/tokenizers/index.js";

// From dist/tests/tokenizers/ to tests/fixtures/ of the repository.
const folder = new URL("../../../tests/fixtures/", import.meta.url);

/** A gzipped text file below tests/fixtures. */
export function readFixture(name: string): string {
  return gunzipSync(readFileSync(new URL(name, folder))).toString("utf8");
}

/** A gzipped JSON file below tests/fixtures. */
export function readJson<T>(name: string): T {
  return JSON.parse(readFixture(name)) as T;
}

/** The tokens of a vocabulary below tests/fixtures/vocab. */
export function vocabulary(name: string): string[] {
  return readFixture(`vocab/${name}/vocab.txt.gz`).replace(/\n$/, "").split("\n");
}

const loaded = new Map<string, BertTokenizer>();

/** A tokenizer from a vocabulary below tests/fixtures/vocab; made once. */
export function bert(name = "bert-base-uncased", options: BertTokenizerOptions = {}): BertTokenizer {
  const key = name + JSON.stringify(options);
  const found = loaded.get(key) ?? BertTokenizer.fromVocabulary(vocabulary(name), options);
  loaded.set(key, found);
  return found;
}

/** GPT-2's tokenizer, from its vocab.json and merges.txt in a folder of their own. */
export async function gpt2(options: AutoTokenizerOptions = {}): Promise<Tokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "athanor-gpt2-"));
  try {
    for (const name of ["vocab.json", "merges.txt"]) {
      writeFileSync(join(folder, name), readFixture(`vocab/gpt2/${name}.gz`));
    }
    return await AutoTokenizer.fromPretrained(folder, { class: "GPT2Tokenizer", ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All fields as arrays. */
export function plain(encoding: Encoding) {
  return {
    ids: Array.from(encoding.ids),
    typeIds: Array.from(encoding.typeIds),
    attentionMask: Array.from(encoding.attentionMask),
    specialTokensMask: Array.from(encoding.specialTokensMask),
    tokens: encoding.tokens,
    offsets: Array.from(encoding.offsets),
    wordIds: encoding.wordIds,
    sequenceIds: encoding.sequenceIds,
  };
}

/** For each code point of a text, and for its end, the UTF-16 position. */
export function utf16Positions(text: string): number[] {
  const positions = [0];
  for (const character of text) positions.push(positions[positions.length - 1] + character.length);
  return positions;
}

/** Code point offsets (flat, two per token) as UTF-16 offsets; each token counts in its own text. */
export function toUtf16(offsets: number[], sequenceIds: (number | null)[], texts: string[]): number[] {
  const maps = texts.map(utf16Positions);
  return offsets.map((offset, i) => {
    const sequence = sequenceIds[i >> 1];
    return sequence === null ? 0 : maps[sequence][offset];
  });
}

/** Checks that a call throws, or a promise rejects with, an error of this code and a matching message. */
export async function expectError(call: () => unknown, code: string, message: RegExp): Promise<void> {
  let caught: unknown = null;
  try {
    await call();
  } catch (error) {
    caught = error;
  }
  expect(caught).not.toBeNull();
  expect({ code: (caught as { code?: string }).code, message: (caught as Error).message }).toEqual({
    code,
    message: expect.stringMatching(message),
  });
}
