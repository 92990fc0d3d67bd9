// A data set in memory: rows that stay as they are, and methods that make another data set of them.

import { createHash } from "node:crypto";
import { AthanorError } from "../errors.js";
import { contentText, fingerprint } from "./fingerprint.js";
import type { TableOptions } from "./formats.js";
import { type CacheOptions, MapCache } from "./map-cache.js";
import { identity, type MapContext, type ModuleFunction, portable } from "./map-function.js";
import { type MapOptions, type MapWork, mapRows, mapWork } from "./map-rows.js";
import { readTable } from "./read-table.js";
import type { Row } from "./rows.js";
import { shuffle } from "./shuffle.js";
import { type SplitOptions, split } from "./split.js";
import { type FileLike, shown } from "./text-source.js";

/** Options of a data set's `map` and `filter`. */
export interface DatasetMapOptions<P = unknown> extends MapOptions<P> {
  /**
   * Keeps the result on disk under a hash of rows, function text, `params` and batch size, and takes it from there
   * the next time. The function is known by its text alone (a module's by the file's content): what else it reads
   * must be in `params`, or a change of it goes unnoticed. Default false.
   */
  cache?: boolean | CacheOptions;
}

/** A function of one row, or the place of one in a module. */
export type RowFunction<T, U, P> = ((row: T, context: MapContext<P>) => U | Promise<U>) | ModuleFunction;

/** A function of the rows of a batch, which gives as many as it likes. */
export type BatchFunction<T, U, P> =
  | ((rows: T[], context: MapContext<P>) => readonly U[] | Promise<readonly U[]>)
  | ModuleFunction;

/**
 * Rows in memory. Every method leaves the data set as it is and gives a new one, which shares its rows: do not
 * change rows in place. Iterable, and `rows` is an ordinary array.
 *
 * @example
 * const data = await Dataset.read("reviews.csv", { types: { stars: "integer" } });
 * const short = await data.filter((row) => row.text.length < 200);
 * const { train, test } = short.shuffle(42).split({ test: 0.1, seed: 42 });
 */
export class Dataset<T extends object = Row> implements Iterable<T> {
  readonly rows: readonly T[];

  constructor(rows: Iterable<T>) {
    if (typeof rows?.[Symbol.iterator] !== "function" || typeof rows === "string") {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Dataset: rows must be an array or iterable, got ${shown(rows)}`,
      );
    }
    this.rows = [...rows];
    const wrong = this.rows.findIndex((row) => typeof row !== "object" || row === null || Array.isArray(row));
    if (wrong === -1) return;
    const came = shown(this.rows[wrong]);
    throw new AthanorError("ERR_DATA", `Dataset: row ${wrong} must be an object, got ${came}`);
  }

  /** Reads files, as `readTable` does, and rejects as it. */
  static async read<T extends object = Row>(
    files: FileLike | readonly FileLike[],
    options: TableOptions = {},
  ): Promise<Dataset<T>> {
    return new Dataset(await readTable<T>(files, options));
  }

  /** How many rows there are. */
  get length(): number {
    return this.rows.length;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.rows[Symbol.iterator]();
  }

  /**
   * A data set of what a function makes of every row or, `batched`, of the rows of every batch, which may become
   * more or fewer. Rows are replaced, not added to: return `{ ...row, more }` to keep columns.
   *
   * Rejects with ERR_DATA, naming the rows from 0 and with the function's error as `cause`, when it throws or gives
   * something else than rows; ERR_ABORTED by the signal; ERR_ARGUMENT for wrong options.
   *
   * @example
   * const lower = await data.map((row) => ({ ...row, text: row.text.toLowerCase() }));
   * const pieces = await data.map((rows, { params }) => rows.flatMap((row) => cut(row, params.size)), {
   *   batched: true, params: { size: 128 },
   * });
   */
  map<U extends object, P = unknown>(
    fn: RowFunction<T, U, P>,
    options?: DatasetMapOptions<P> & { batched?: false },
  ): Promise<Dataset<U>>;
  map<U extends object, P = unknown>(
    fn: BatchFunction<T, U, P>,
    options: DatasetMapOptions<P> & { batched: true },
  ): Promise<Dataset<U>>;
  async map<U extends object>(
    fn: unknown,
    options: DatasetMapOptions & { batched?: boolean } = {},
  ): Promise<Dataset<U>> {
    return await this.#apply<U>(
      mapWork("map", options.batched ? "batch" : "row", fn, options),
      options.cache,
    );
  }

  /** A data set of the rows for which a function gives true. Options and errors as `map`. */
  async filter<P = unknown>(
    fn: RowFunction<T, boolean, P>,
    options: DatasetMapOptions<P> = {},
  ): Promise<Dataset<T>> {
    return await this.#apply<T>(mapWork("filter", "filter", fn, options), options.cache);
  }

  /**
   * A data set of the rows with these numbers, in their order; a number may come twice. ERR_ARGUMENT for a number
   * outside.
   *
   * @example
   * data.select([0, 1, 2]);
   */
  select(indices: Iterable<number>): Dataset<T> {
    const chosen: T[] = [];
    for (const index of indices) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= this.length) {
        const needed = `row numbers from 0 to ${this.length - 1}`;
        throw new AthanorError("ERR_ARGUMENT", `select: needs ${needed}, got ${shown(index)}`);
      }
      chosen.push(this.rows[index]);
    }
    return new Dataset(chosen);
  }

  /** The rows in a random order, as `shuffle`. */
  shuffle(seed: number): Dataset<T> {
    return new Dataset(shuffle(this.rows, seed));
  }

  /** Two data sets, as `split`. */
  split(options: SplitOptions): { train: Dataset<T>; test: Dataset<T> } {
    const { train, test } = split(this.rows, options);
    return { train: new Dataset(train), test: new Dataset(test) };
  }

  /** The hash of the rows' content, as `fingerprint`. */
  async fingerprint(): Promise<string> {
    return await fingerprint(this.rows);
  }

  async #apply<U extends object>(work: MapWork, cache: boolean | CacheOptions = false): Promise<Dataset<U>> {
    if (cache === false) return new Dataset((await collect(this.rows, work)) as U[]);
    const options = cache === true ? {} : cache;
    const store = new MapCache(options);
    await store.prepare();
    const key = await keyOf(work, this.rows);
    const found = await store.read(key);
    if (found !== undefined) {
      options.onCache?.({ key, hit: true, stored: true });
      return new Dataset(found as U[]);
    }
    const rows = await collect(this.rows, work);
    const reason = await store.write(key, rows);
    options.onCache?.({ key, hit: false, stored: reason === undefined, ...(reason && { reason }) });
    return new Dataset(rows as U[]);
  }
}

async function collect(rows: readonly object[], work: MapWork): Promise<Row[]> {
  const all: Row[] = [];
  for await (const some of mapRows(rows as Row[], work)) for (const row of some) all.push(row);
  return all;
}

async function keyOf({ who, kind, fn, options }: MapWork, rows: Iterable<object>): Promise<string> {
  const params = paramsText(who, options.params);
  const size = kind === "batch" ? options.batchSize : 0; // Only a batched function can tell.
  const parts = [kind, await identity(who, portable(who, fn)), params, size, await fingerprint(rows)];
  return createHash("sha256").update(contentText(parts)).digest("hex");
}

function paramsText(who: string, params: unknown): string {
  try {
    return contentText(params);
  } catch (cause) {
    const needed = "params must be values with content for a cache";
    throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${(cause as Error).message}`, { cause });
  }
}
