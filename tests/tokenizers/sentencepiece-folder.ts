// SentencePiece models of the fixtures, and tokenizers loaded from a folder with their files.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { AutoTokenizer, type AutoTokenizerOptions, type Tokenizer } from "../../src/tokenizers/index.js";

const vocabularies = new URL("../../../tests/fixtures/vocab/", import.meta.url);

/** A gzipped file below tests/fixtures/vocab. */
export function modelBytes(name: string): Buffer {
  return gunzipSync(readFileSync(new URL(`${name}.gz`, vocabularies)));
}

/** Calls `use` with a folder that is removed afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "athanor-sentencepiece-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PIECES = "sentencepiece.bpe.model";
const SMALL = "sentencepiece-test/test_sentencepiece.model";
const MARIAN = ["source.spm", "target.spm", "vocab.json"];

/** The files of each family by name, and where they come from. */
export const FAMILIES: Record<string, { className: string; files: Record<string, string> }> = {
  t5: { className: "T5Tokenizer", files: { "spiece.model": "t5/spiece.model" } },
  albert: { className: "AlbertTokenizer", files: { "spiece.model": "albert/spiece.model" } },
  "xlm-roberta": { className: "XLMRobertaTokenizer", files: { [PIECES]: SMALL } },
  mbart: { className: "MBartTokenizer", files: { [PIECES]: SMALL } },
  mbart50: { className: "MBart50Tokenizer", files: { [PIECES]: SMALL } },
  marian: {
    className: "MarianTokenizer",
    files: Object.fromEntries(MARIAN.map((name) => [name, `opus-mt-en-mg/${name}`])),
  },
};

/** A tokenizer of a family; `config` is its tokenizer_config.json. */
export function loadFamily(
  name: string,
  options: AutoTokenizerOptions = {},
  config: object = {},
): Promise<Tokenizer> {
  const { className, files } = FAMILIES[name];
  return inFolder(async (folder) => {
    for (const [target, origin] of Object.entries(files))
      writeFileSync(join(folder, target), modelBytes(origin));
    const described = { tokenizer_class: className, ...config };
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(described));
    return await AutoTokenizer.fromPretrained(folder, options);
  });
}
