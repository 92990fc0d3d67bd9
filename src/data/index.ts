// Reading data sets, and what one does with rows before training. Usable alone: needs no engine.

export type { BadRowOptions, SkippedRow, SkipReport } from "./bad-rows.js";
export { type ClassLabels, classLabels } from "./class-labels.js";
export type { ColumnType } from "./column-types.js";
export { type ConllOptions, readConll } from "./conll.js";
export { type ConlluOptions, type ConlluRow, type MultiwordToken, readConllu } from "./conllu.js";
export { type CsvOptions, type CsvRow, readCsv } from "./csv.js";
export {
  type BatchFunction,
  Dataset,
  type DatasetMapOptions,
  type RowFunction,
} from "./dataset.js";
export { fingerprint } from "./fingerprint.js";
export type { TableFormat, TableOptions } from "./formats.js";
export { type GlueOptions, type GlueRow, readGlue } from "./glue.js";
export { GLUE_CONFIGS, type GlueConfig, type GlueName } from "./glue-tasks.js";
export { type ReadDatasetOptions, readDataset } from "./hub-dataset.js";
export { type JsonOptions, readJson } from "./json.js";
export { type JsonlOptions, readJsonl } from "./jsonl.js";
export type { CacheEvent, CacheOptions } from "./map-cache.js";
export type { MapContext, ModuleFunction } from "./map-function.js";
export type { MapOptions } from "./map-rows.js";
export { type ParquetInfo, type ParquetOptions, parquetInfo, readParquet } from "./parquet.js";
export { type PlainTextOptions, readPlainText } from "./plain-text.js";
export { readRows, readTable } from "./read-table.js";
export { RowStream } from "./row-stream.js";
export type { Row } from "./rows.js";
export { shuffle } from "./shuffle.js";
export { type SplitOptions, split } from "./split.js";
export { readSquad, type SquadFileOptions } from "./squad.js";
export type { SquadRow } from "./squad-questions.js";
export type { FileLike } from "./text-source.js";
