// What the tests of the language tasks share: vocabularies, small models, rows.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Model } from "../../src/models/index.js";
import { AutoTokenizer, BertTokenizer, type Tokenizer } from "../../src/tokenizers/index.js";
import type { PrepareContext } from "../../src/training/index.js";
import { bert } from "../tokenizers/support.js";

// From dist/tests/tasks/ to the repository.
const root = new URL("../../../", import.meta.url);

/** A file of the repository. */
export const repositoryFile = (path: string) => fileURLToPath(new URL(path, root));

/** A gzipped file of the repository as text. */
export const gunzipped = (path: string) => gunzipSync(readFileSync(repositoryFile(path))).toString("utf8");

/** ALBERT's tokenizer, from its SentencePiece model in a folder of its own. */
async function albert(options: object): Promise<Tokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "athanor-albert-"));
  try {
    const model = gunzipSync(readFileSync(repositoryFile("tests/fixtures/vocab/albert/spiece.model.gz")));
    writeFileSync(join(folder, "spiece.model"), model);
    return await AutoTokenizer.fromPretrained(folder, { class: "AlbertTokenizer", ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The tokenizer of a vocabulary below tests/fixtures/vocab. */
export async function tokenizerOf(vocabulary: string, paddingSide: "left" | "right"): Promise<Tokenizer> {
  if (vocabulary === "albert") return albert({ paddingSide });
  return bert(vocabulary, vocabulary.endsWith("-cased") ? { doLowerCase: false } : {});
}

/** A tokenizer for the words given. */
export function wordTokenizer(words: readonly string[], modelMaxLength = 64): BertTokenizer {
  return BertTokenizer.fromVocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words], {
    modelMaxLength,
  });
}

/** A model in name only: what preparing asks it for. */
export const noModel = { config: {} } as unknown as Model;

/** What preparing gets. */
export function contextOf(tokenizer: Tokenizer, purpose: PrepareContext["purpose"]): PrepareContext {
  const labels = purpose === "predict" ? "none" : "required";
  return { model: noModel, tokenizer, labels, purpose, rest: async () => {} };
}
