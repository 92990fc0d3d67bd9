// Rows of real data sets as token ids, in batches: tokenised once, so that every engine gets the same numbers.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { classLabels, readCsv, shuffle } from "../../src/data/index.js";
import { BertTokenizer } from "../../src/tokenizers/index.js";
import type { Rows } from "../engines/tasks.js";

export type DataSetName = "banking77" | "sst2" | "xquad";

/** A row that became tokens. */
export interface TokenRow {
  ids: number[];
  types?: number[];
  label?: number;
  start?: number;
  end?: number;
}

export const classCounts = { banking77: 77, sst2: 2 };

function tokenizer(): BertTokenizer {
  const file = "examples/vocab/bert-base-uncased/vocab.txt.gz";
  return BertTokenizer.fromVocabulary(gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n"));
}

async function labelledTexts(
  file: string,
  textColumn: string,
  labelColumn: string,
): Promise<{ text: string; label: number }[]> {
  const rows = await readCsv<Record<string, string>>(file, {});
  const { ids } = classLabels(rows, labelColumn);
  return rows.map((row, i) => ({ text: row[textColumn].trim(), label: ids[i] }));
}

/** Sentences to classify: for inference the sets' test rows, for training their training rows. */
export async function textRows(
  name: "banking77" | "sst2",
  part: "train" | "test",
  data: string | undefined,
): Promise<TokenRow[]> {
  const rows =
    name === "banking77"
      ? await labelledTexts(join("examples/banking77", `${part}.csv.gz`), "text", "category")
      : await labelledTexts(folderOf(data, `classification/sst2/${part}.tsv.gz`), "sentence", "label");
  const encodings = tokenizer().encodeBatch(
    rows.map((row) => row.text),
    { truncation: "longest_first", maxLength: 128 },
  );
  return encodings.map((encoding, i) => ({ ids: Array.from(encoding.ids), label: rows[i].label }));
}

interface Paragraph {
  context: string;
  qas: { question: string; answers: { text: string; answer_start: number }[] }[];
}

function paragraphs(data: string | undefined): Paragraph[] {
  const file = gunzipSync(readFileSync(folderOf(data, "qa/xquad/xquad.en.json.gz"))).toString("utf8");
  return (JSON.parse(file) as { data: { paragraphs: Paragraph[] }[] }).data.flatMap((a) => a.paragraphs);
}

/** XQuAD's contexts alone, at most 512 tokens. */
export function contextRows(data: string | undefined): TokenRow[] {
  const encodings = tokenizer().encodeBatch(
    paragraphs(data).map((p) => p.context),
    { truncation: "longest_first", maxLength: 512 },
  );
  return encodings.map(({ ids }) => ({ ids: Array.from(ids) }));
}

/** XQuAD's questions with their contexts and the tokens of the first answer; rows that lost it are left out. */
export function questionRows(data: string | undefined): TokenRow[] {
  const encoder = tokenizer();
  const rows: TokenRow[] = [];
  for (const { context, qas } of paragraphs(data)) {
    for (const { question, answers } of qas) {
      const encoding = encoder.encode(question, {
        pair: context,
        truncation: "only_second",
        maxLength: 512,
      });
      const [first] = answers;
      const span = tokenSpan(encoding, first.answer_start, first.answer_start + first.text.length);
      if (!span) continue;
      rows.push({ ids: Array.from(encoding.ids), types: Array.from(encoding.typeIds), ...span });
    }
  }
  return rows;
}

function tokenSpan(
  { offsets, sequenceIds }: { offsets: Int32Array; sequenceIds: (number | null)[] },
  begin: number,
  end: number,
): { start: number; end: number } | undefined {
  let start = -1;
  for (let i = 0; i < sequenceIds.length; i++) {
    if (sequenceIds[i] !== 1) continue;
    if (start < 0 && offsets[2 * i] <= begin && offsets[2 * i + 1] > begin) start = i;
    if (start >= 0 && offsets[2 * i + 1] >= end) return { start, end: i };
  }
  return undefined;
}

function folderOf(data: string | undefined, path: string): string {
  if (data === undefined) throw new Error("needs --data FOLDER");
  return join(data, path);
}

/** Random batches, of one shuffle of all rows. */
export function randomBatches(rows: TokenRow[], size: number, count: number): TokenRow[][] {
  return cut(shuffle(rows, 1), size).slice(0, count);
}

/** Of all random batches the `count` in the middle by how much padding lengthens them: few stand for many. */
export function typicalBatches(rows: TokenRow[], size: number, count: number): TokenRow[][] {
  const order = randomBatches(rows, size, rows.length)
    .map((batch) => ({ batch, factor: paddingFactor([batch]) }))
    .sort((a, b) => a.factor - b.factor);
  const first = Math.floor((order.length - count) / 2);
  return order.slice(first, first + count).map(({ batch }) => batch);
}

/** Of all rows sorted by length and cut into batches: `count` of them, evenly spread from short to long. */
export function sortedBatches(rows: TokenRow[], size: number, count: number): TokenRow[][] {
  const sorted = cut(
    rows.toSorted((a, b) => a.ids.length - b.ids.length),
    size,
  );
  return Array.from({ length: count }, (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / count)]);
}

/**
 * The order of Transformers' group_by_length: a shuffle cut into lots of up to 50 batches, each sorted from long
 * to short. `count` batches of an epoch, drawn at random.
 */
export function groupedBatches(rows: TokenRow[], size: number, count: number): TokenRow[][] {
  const batchesInLot = Math.max(1, Math.min(50, Math.floor(rows.length / (size * 4))));
  const order = cut(shuffle(rows, 1), batchesInLot * size).flatMap((lot) =>
    lot.toSorted((a, b) => b.ids.length - a.ids.length),
  );
  return shuffle(cut(order, size), 2).slice(0, count);
}

function cut<T>(rows: T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let i = 0; i + size <= rows.length; i += size) batches.push(rows.slice(i, i + size));
  return batches;
}

/** `count` rows of `length` tokens, none of them special. */
export function fullRows(count: number, length: number): TokenRow[] {
  return Array.from({ length: count }, (_, b) => ({
    ids: Array.from({ length }, (_, i) => 1000 + ((b * 7919 + i * 104729) % 20000)),
    label: b % 2,
  }));
}

export const tokensOf = (rows: TokenRow[]): number => rows.reduce((sum, row) => sum + row.ids.length, 0);

/** How many times as long padding to the longest makes the batches. */
export function paddingFactor(batches: TokenRow[][]): number {
  const padded = batches.map((rows) => rows.length * Math.max(...rows.map((row) => row.ids.length)));
  const real = batches.map(tokensOf);
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return sum(padded) / sum(real);
}

/** Rows side by side, as the engines read them. */
export function asRows(batch: TokenRow[]): Rows {
  const all = <K extends keyof TokenRow>(key: K) =>
    batch.every((row) => row[key] !== undefined) ? batch.map((row) => row[key] as never) : undefined;
  return {
    ids: batch.map((row) => row.ids),
    types: all("types"),
    labels: all("label"),
    starts: all("start"),
    ends: all("end"),
  };
}
