// Documents out of rows: a sentence per row with blank ones between documents, or a document per row.
import { AthanorError } from "../../errors.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import type { DataRow } from "../../training/task.js";
import { givenWords, tokenizerWords, type WordsOf } from "../masked-language-modeling/words.js";
import { columnOf, rowFault } from "../rows.js";
import type { Sentence } from "./pairs.js";

export const TASK = "preTraining";

export interface DocumentOptions {
  textColumn: string;
  documents: "blank-lines" | "rows";
  /** Cuts a document that is one row. */
  sentences: (text: string) => readonly string[];
  wholeWord: boolean;
  words?: WordsOf;
}

/** Cuts a text into sentences by the rules of Unicode (UAX 29), as Node's ICU has them; a line break ends one. */
export function unicodeSentences(text: string): string[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: "sentence" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

interface Text {
  text: string;
  row: number;
}

/** Sentences with their rows, by document; none of them blank, no document empty. @throws ERR_DATA naming the row */
export async function documentTexts(
  rows: readonly DataRow[],
  options: DocumentOptions,
  rest: () => Promise<void>,
): Promise<Text[][]> {
  const { textColumn, documents: kind, sentences } = options;
  const documents: Text[][] = [];
  let document: Text[] = [];
  const close = () => {
    if (document.length > 0) documents.push(document);
    document = [];
  };
  for (const [number, row] of rows.entries()) {
    const text = columnOf(Object(row), textColumn);
    if (typeof text !== "string") throw rowFault(TASK, number, textColumn, "a text", text);
    if (kind === "rows") {
      for (const sentence of sentences(text))
        if (sentence.trim() !== "") document.push({ text: sentence, row: number });
      close();
    } else if (text.trim() === "") close();
    else document.push({ text, row: number });
    if (kind === "rows" || number % 256 === 255) await rest();
  }
  close();
  return documents;
}

const TEXTS_PER_CALL = 512;

/** The tokens of all sentences, by document. */
export async function tokenizedDocuments(
  rows: readonly DataRow[],
  tokenizer: Tokenizer,
  options: DocumentOptions,
  rest: () => Promise<void>,
): Promise<Sentence[][]> {
  const documents = await documentTexts(rows, options, rest);
  const all = documents.flat();
  const sentences: Sentence[] = [];
  for (let begin = 0; begin < all.length; begin += TEXTS_PER_CALL) {
    const texts = all.slice(begin, begin + TEXTS_PER_CALL);
    const how = { addSpecialTokens: false, truncation: false } as const;
    const encodings = await tokenizer.encodeBatchAsync(
      texts.map(({ text }) => text),
      how,
    );
    for (const [i, encoding] of encodings.entries()) {
      const { text, row } = texts[i];
      const words = options.words
        ? givenWords(TASK, encoding, text, options.words(text, rows[row]), row)
        : tokenizerWords(encoding);
      sentences.push({ ids: encoding.ids, row, ...(options.wholeWord && { words }) });
    }
    await rest();
  }
  let at = 0;
  const cut = documents.map(({ length }) => {
    at += length;
    return sentences.slice(at - length, at).filter(({ ids }) => ids.length > 0);
  });
  return cut.filter((document) => document.length > 0);
}

/** @throws ERR_DATA when there is nothing to make pairs of */
export function requirePairs(documents: readonly Sentence[][], objective: "nsp" | "sop", rows: number): void {
  const enough =
    objective === "nsp" ? documents.length > 1 : documents.some((sentences) => sentences.length > 1);
  if (enough) return;
  const needed =
    objective === "nsp"
      ? 'two documents at least (a blank row between them, or documents: "rows")'
      : "a document of two sentences at least";
  const sentences = documents.reduce((sum, { length }) => sum + length, 0);
  const came = `${documents.length} documents with ${sentences} sentences in ${rows} rows`;
  throw new AthanorError("ERR_DATA", `${TASK}: objective "${objective}" needs ${needed}, got ${came}`);
}
