// The files of the GLUE benchmark as they are published: TSV in which quotes are signs like any other, CoLA without
// a header, test files without labels.

import { AthanorError } from "../errors.js";
import type { BadRowOptions } from "./bad-rows.js";
import { checkedTypes, convertRow } from "./column-types.js";
import { type CsvOptions, CsvParser, type CsvShape } from "./csv.js";
import { GLUE_CONFIGS, type GlueConfig, type GlueName } from "./glue-tasks.js";
import { collectRows, type Row, type RowParser, textBatches } from "./rows.js";
import { type FileLike, shown } from "./text-source.js";

/** Options of `readGlue`. */
export type GlueOptions = BadRowOptions;

/** A row: the texts under the names of `GLUE_CONFIGS[task].texts`, the class or score, the row's number in its file. */
export interface GlueRow {
  sentence?: string;
  sentence1?: string;
  sentence2?: string;
  question?: string;
  question1?: string;
  question2?: string;
  /** The class's id, for "stsb" the score. Absent in test files, which have none. */
  label?: number;
  /** The row's number in its file, from 0. */
  idx: number;
}

/**
 * Reads a file of a GLUE configuration as it is published (`CoLA/train.tsv`, `MNLI/dev_matched.tsv`, ...), plain or
 * gzipped. Labels become ids in the order of `GLUE_CONFIGS[task].labels`; files without them give rows without.
 *
 * Rejects with ERR_DATA for a file that is missing, empty, not UTF-8, a damaged gzip or without the needed columns,
 * and, unless `onBadRow: "skip"`, for a row with other than the header's number of fields or an unknown label:
 * QQP's files have a few such rows. ERR_ARGUMENT for another task.
 *
 * @example
 * const rows = await readGlue("mrpc", "MRPC/dev.tsv"); // [{ sentence1: "...", sentence2: "...", label: 1, idx: 0 }]
 */
export async function readGlue(
  task: GlueName,
  file: FileLike,
  options: GlueOptions = {},
): Promise<GlueRow[]> {
  const rows = await collectRows(textBatches(file, glueParser(task, file, options)));
  return rows as object[] as GlueRow[];
}

/** The parser behind `readGlue` and `readRows`. */
export function glueParser(task: GlueName, file: FileLike, options: GlueOptions): RowParser {
  if (typeof task !== "string" || !Object.hasOwn(GLUE_CONFIGS, task)) {
    const needed = Object.keys(GLUE_CONFIGS).join(", ");
    throw new AthanorError("ERR_ARGUMENT", `data: GLUE's task must be one of ${needed}, got ${shown(task)}`);
  }
  const { onBadRow, onSkip, rowPlaces } = options;
  const dialect: CsvOptions = { onBadRow, onSkip, rowPlaces, separator: "\t", quote: false };
  return new CsvParser(file, dialect, shapeOf(task, GLUE_CONFIGS[task]));
}

function shapeOf(task: GlueName, config: GlueConfig): CsvShape {
  const { texts, files, headless } = config;
  const types = checkedTypes({ label: config.labels ?? "number" });
  return {
    headless: (first) => {
      const isHeader = files.every((name) => first.includes(name));
      return headless === undefined || isHeader ? undefined : [...headless];
    },
    header: (columns, line, bad) => {
      const missing = files.find((name) => !columns.includes(name));
      if (missing === undefined) return;
      const needed = `a file of GLUE's ${task} needs this column`;
      throw bad.error(line, missing, `${needed}, got ${columns.join(", ")}`);
    },
    row: (fields, { line, number }, bad) => {
      const row: Row = {};
      texts.forEach((name, i) => {
        row[name] = fields[files[i]];
      });
      const labelled = config.label !== null && Object.hasOwn(fields, config.label);
      if (labelled) row.label = fields[config.label as string];
      if (labelled && !convertRow(row, types, line, bad)) return undefined;
      row.idx = number;
      return row;
    },
  };
}
