// Vocabularies of byte-level BPE, as GPT-2 and BART have, trained on a workload's own rows: small ones, so that most of
// a small model is its layers.
import type { Row } from "../../src/data/index.js";
import { templateJson } from "../../src/tokenizers/families/sentencepiece.js";
import { type Encoding, Tokenizer, trainBpe } from "../../src/tokenizers/index.js";
import { BYTE_UNITS } from "../../src/tokenizers/unicode/byte-level.js";

export interface TrainedVocabulary {
  size: number;
  /** Of the training rows: texts, or lists of them. */
  columns: readonly string[];
  /** They get the first ids. */
  specialTokens: readonly string[];
  /** What stands around a text. */
  template: string;
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const alphabet = Array.from(BYTE_UNITS, (unit) => String.fromCharCode(unit));

export async function trainVocabulary(
  { size, columns, specialTokens, template }: TrainedVocabulary,
  rows: readonly Row[],
): Promise<Tokenizer> {
  const texts = rows.flatMap((row) => columns.flatMap((column) => row[column] as string | string[]));
  const vocab = Object.fromEntries(alphabet.map((character, id) => [character, id]));
  const single = { type: "BPE", vocab, merges: [] };
  const bytes = Tokenizer.fromJson({ version: "1.0", pre_tokenizer: byteLevel, model: single });
  const { model } = await trainBpe(texts, {
    ...{ vocabSize: size, specialTokens, initialAlphabet: alphabet },
    words: (text) => wordsOf(bytes.encode(text)),
  });
  const ids = Object.fromEntries(specialTokens.map((token, id) => [token, id]));
  return Tokenizer.fromJson({
    ...{ version: "1.0", pre_tokenizer: byteLevel, decoder: byteLevel, model },
    added_tokens: Object.entries(ids).map(([content, id]) => ({ id, content, special: true })),
    post_processor: templateJson(template, `${template} $B`, ids),
  });
}

/** The bytes of each word together. */
function wordsOf({ tokens, wordIds }: Encoding): string[] {
  const words: string[] = [];
  tokens.forEach((token, i) => {
    const word = wordIds[i] as number;
    words[word] = (words[word] ?? "") + token;
  });
  return words;
}
