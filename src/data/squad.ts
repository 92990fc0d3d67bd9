// SQuAD's JSON: nested (articles, paragraphs, questions: SQuAD 1 and 2, XQuAD, CMRC 2018's SQuAD style) or flat (one
// object per question, as Transformers' scripts and the Hub have it). Either way a row is a question. The files count
// characters as Python does, by code points; rows count UTF-16 units, as JavaScript strings and `Encoding.offsets` do.

import { AthanorError } from "../errors.js";
import type { BadRowOptions } from "./bad-rows.js";
import { type Elements, type JsonOptions, JsonParser } from "./json.js";
import { collectRows, type RowParser, textBatches } from "./rows.js";
import { type Misplaced, questionsOf, type SquadRow } from "./squad-questions.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readSquad`. */
export interface SquadFileOptions extends BadRowOptions {
  /** The member that holds the articles or questions of a document that is one object; default `"data"`. */
  field?: string;
  /**
   * What becomes of an answer that does not stand where `answer_start` says: it is kept as it is (default, what
   * the reference scripts do), moved to the nearest place where it stands (dropped where it stands nowhere), or
   * makes the question a bad row.
   */
  misplaced?: Misplaced;
}

const MISPLACED = ["keep", "move", "bad"];

/**
 * Reads a file of SQuAD's form, plain or gzipped, nested or flat, version 1 or 2: a row per question. Questions
 * that `is_impossible` marks have no answers. Flat files may be an array, JSON Lines (named `.jsonl`) or an object
 * with the questions under `field`.
 *
 * Rejects with ERR_DATA for a file that is missing, empty, not UTF-8, a damaged gzip or not such a document, and,
 * unless `onBadRow: "skip"`, for a question without id, text, context, or with answers of another form: the message
 * names line and column of the article and the path within. ERR_ARGUMENT for wrong options.
 *
 * @example
 * const rows = await readSquad("dev-v2.0.json"); // [{ id, title, context, question, answers: { text, answer_start } }]
 */
export async function readSquad(file: FileLike, options: SquadFileOptions = {}): Promise<SquadRow[]> {
  const rows = await collectRows(textBatches(file, squadParser(file, options)));
  return rows as object[] as SquadRow[];
}

/** The parser behind `readSquad` and `readRows`. */
export function squadParser(file: FileLike, options: SquadFileOptions): RowParser {
  const { field = "data", misplaced = "keep", onBadRow, onSkip, rowPlaces } = options;
  if (!MISPLACED.includes(misplaced)) {
    const needed = `one of ${MISPLACED.join(", ")}`;
    throw new AthanorError("ERR_ARGUMENT", `data: misplaced must be ${needed}, got ${shown(misplaced)}`);
  }
  const lines = /\.(jsonl|ndjson)(\.gz)?$/i.test(pathOf(file));
  const json: JsonOptions = { onBadRow, onSkip, rowPlaces, field: lines ? undefined : field };
  const expand: Elements["expand"] = (element, place, bad) =>
    questionsOf(element, misplaced, (path, reason) => bad.add(place.line, place.column, `${path} ${reason}`));
  return new JsonParser(file, json, { expand, orArray: true });
}
