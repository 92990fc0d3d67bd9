// The kinds of files, in one table: their extensions and how each is opened.

import { AthanorError } from "../errors.js";
import { type ConllOptions, ConllParser } from "./conll.js";
import { ConlluParser } from "./conllu.js";
import { type CsvOptions, CsvParser } from "./csv.js";
import { glueParser } from "./glue.js";
import type { GlueName } from "./glue-tasks.js";
import { type JsonOptions, JsonParser } from "./json.js";
import { JsonlParser } from "./jsonl.js";
import { parquetBatches } from "./parquet.js";
import { type PlainTextOptions, PlainTextParser } from "./plain-text.js";
import { type Batches, type RowParser, textBatches } from "./rows.js";
import { type SquadFileOptions, squadParser } from "./squad.js";
import { type FileLike, pathOf, shown } from "./text-source.js";

/** Options of `readRows` and `readTable`: those of the readers; each takes what concerns it. */
export interface TableOptions
  extends Omit<CsvOptions, "columns">,
    JsonOptions,
    PlainTextOptions,
    Omit<ConllOptions, "columns">,
    Pick<SquadFileOptions, "misplaced"> {
  /**
   * CSV, TSV and CoNLL: names of the columns (CoNLL: null leaves one out). Parquet: the columns to read.
   */
  columns?: (string | null)[];
  /** GLUE: the configuration. */
  task?: GlueName;
  /** The kind of file, where its name does not tell. */
  format?: TableFormat;
}

interface Format {
  extensions: string[];
  open: (file: FileLike, options: TableOptions) => Batches;
}

const FORMATS = {
  csv: format(["csv"], (file, options) => new CsvParser(file, options as CsvOptions)),
  tsv: format(["tsv"], (file, options) => {
    const { separator = "\t" } = options;
    return new CsvParser(file, { ...options, separator } as CsvOptions);
  }),
  jsonl: format(["jsonl", "ndjson"], (file, options) => new JsonlParser(file, options)),
  json: format(["json"], (file, options) => new JsonParser(file, options)),
  text: format(["txt", "text", "raw"], (file, options) => new PlainTextParser(file, options)),
  conll: format(["conll", "bio", "iob", "iob2"], (file, options) => new ConllParser(file, options)),
  conllu: format(["conllu"], (file, options) => new ConlluParser(file, options)),
  parquet: {
    extensions: ["parquet"],
    open: (file, options) => parquetBatches(file, { ...options, columns: options.columns as string[] }),
  },
  squad: format([], squadParser),
  glue: format([], (file, options) => glueParser(options.task as GlueName, file, options)),
} satisfies Record<string, Format>;

/** The kinds of files. */
export type TableFormat = keyof typeof FORMATS;

function format(extensions: string[], parser: (file: FileLike, options: TableOptions) => RowParser): Format {
  return { extensions, open: (file, options) => textBatches(file, parser(file, options)) };
}

/** Opens a file as what its name, or the option `format`, says it is. Throws ERR_ARGUMENT when neither tells. */
export function openBatches(file: FileLike, options: TableOptions): Batches {
  return FORMATS[formatOf(pathOf(file), options.format)].open(file, options);
}

function formatOf(path: string, format: TableOptions["format"]): TableFormat {
  if (format !== undefined) {
    if (typeof format === "string" && Object.hasOwn(FORMATS, format)) return format;
    const needed = `one of ${Object.keys(FORMATS).join(", ")}`;
    throw new AthanorError("ERR_ARGUMENT", `data: format must be ${needed}, got ${shown(format)}`);
  }
  const extension = /\.([a-z0-9]+)(?:\.gz)?$/i.exec(path)?.[1].toLowerCase();
  const entries = Object.entries(FORMATS) as [TableFormat, Format][];
  const found = entries.find(
    ([, { extensions }]) => extension !== undefined && extensions.includes(extension),
  );
  if (found !== undefined) return found[0];
  const known = entries.flatMap(([, { extensions }]) => extensions.map((name) => `.${name}`)).join(", ");
  const needed = `a name ending in one of ${known} (or .gz after it), or the option format`;
  throw new AthanorError("ERR_ARGUMENT", `data: file needs ${needed}, got ${path}`);
}
