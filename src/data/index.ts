// Reading data sets, and what one does with rows before training. Usable alone: needs no engine.

export type { BadRowOptions, SkippedRow, SkipReport } from "./bad-rows.js";
export { type ClassLabels, classLabels } from "./class-labels.js";
export type { ColumnType } from "./column-types.js";
export { type CsvOptions, type CsvRow, readCsv } from "./csv.js";
export { type JsonOptions, readJson } from "./json.js";
export { type JsonlOptions, readJsonl } from "./jsonl.js";
export { readRows, readTable, type TableOptions } from "./read-table.js";
export type { Row } from "./rows.js";
export { shuffle } from "./shuffle.js";
export { type SplitOptions, split } from "./split.js";
export type { FileLike } from "./text-source.js";
