// A data set that is never in memory whole: rows come from files one after another, and methods say what happens to
// them on the way. Nothing is read before the loop over the stream begins; every loop begins anew.

import { AthanorError } from "../errors.js";
import { type BatchFunction, Dataset, type RowFunction } from "./dataset.js";
import type { TableOptions } from "./formats.js";
import { type MapOptions, type MapWork, mapRows, mapWork } from "./map-rows.js";
import { readRows } from "./read-table.js";
import type { Row } from "./rows.js";
import { randomBelow } from "./shuffle.js";
import { type FileLike, shown } from "./text-source.js";

type Source<T> = () => Iterable<T> | AsyncIterable<T>;

/**
 * Rows that stream. Memory holds what is on the way: a piece of the file, a batch, the buffer of `shuffle`.
 *
 * @example
 * const stream = RowStream.read("huge.jsonl.gz").filter((row) => row.text !== "").shuffle(42, { buffer: 10_000 });
 * for await (const row of stream.take(1000)) console.log(row.text);
 */
export class RowStream<T extends object = Row> implements AsyncIterable<T> {
  readonly #source: Source<T>;

  /** `source` opens the rows, anew for every loop. */
  constructor(source: Source<T>) {
    if (typeof source !== "function") {
      const needed = "source must be a function that opens the rows";
      throw new AthanorError("ERR_ARGUMENT", `RowStream: ${needed}, got ${shown(source)}`);
    }
    this.#source = source;
  }

  /** Streams files, as `readRows` does, and throws as it when the loop comes to the fault. */
  static read<T extends object = Row>(
    files: FileLike | readonly FileLike[],
    options: TableOptions = {},
  ): RowStream<T> {
    return new RowStream(() => readRows<T>(files, options));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* this.#source();
  }

  /** What a function makes of every row or, `batched`, of the rows of every batch. As `Dataset.map`, uncached. */
  map<U extends object, P = unknown>(
    fn: RowFunction<T, U, P>,
    options?: MapOptions<P> & { batched?: false },
  ): RowStream<U>;
  map<U extends object, P = unknown>(
    fn: BatchFunction<T, U, P>,
    options: MapOptions<P> & { batched: true },
  ): RowStream<U>;
  map<U extends object>(fn: unknown, options: MapOptions & { batched?: boolean } = {}): RowStream<U> {
    return this.#through(mapWork("map", options.batched ? "batch" : "row", fn, options));
  }

  /** The rows for which a function gives true. */
  filter<P = unknown>(fn: RowFunction<T, boolean, P>, options: MapOptions<P> = {}): RowStream<T> {
    return this.#through(mapWork("filter", "filter", fn, options));
  }

  /** The first rows, at most `count`; what they come from is closed then. */
  take(count: number): RowStream<T> {
    checkCount("take", "count", count);
    return new RowStream(() => taken(this, count));
  }

  /** The rows behind the first `count`. */
  skip(count: number): RowStream<T> {
    checkCount("skip", "count", count);
    return new RowStream(() => skipped(this, count));
  }

  /**
   * A random order within reach of a buffer: each row leaves from a random place of it, and the next takes that
   * place. The same seed gives the same order everywhere. A buffer as long as the data mixes it fully.
   */
  shuffle(seed: number, { buffer = 1000 }: { buffer?: number } = {}): RowStream<T> {
    randomBelow(seed); // Checks it now.
    checkCount("shuffle", "buffer", buffer, 1);
    return new RowStream(() => mixed(this, seed, buffer));
  }

  /** Reads to the end, into memory. */
  async toDataset(): Promise<Dataset<T>> {
    const rows: T[] = [];
    for await (const row of this) rows.push(row);
    return new Dataset(rows);
  }

  #through<U extends object>(work: MapWork): RowStream<U> {
    return new RowStream(() => rowsOf<U>(this, work));
  }
}

async function* rowsOf<U>(rows: AsyncIterable<object>, work: MapWork): AsyncGenerator<U, void, undefined> {
  for await (const some of mapRows(rows as AsyncIterable<Row>, work)) yield* some as U[];
}

async function* taken<T>(rows: AsyncIterable<T>, count: number): AsyncGenerator<T, void, undefined> {
  if (count === 0) return;
  let left = count;
  for await (const row of rows) {
    yield row;
    if (--left === 0) return;
  }
}

async function* skipped<T>(rows: AsyncIterable<T>, count: number): AsyncGenerator<T, void, undefined> {
  let left = count;
  for await (const row of rows) if (left-- <= 0) yield row;
}

async function* mixed<T>(
  rows: AsyncIterable<T>,
  seed: number,
  size: number,
): AsyncGenerator<T, void, undefined> {
  const below = randomBelow(seed);
  const buffer: T[] = [];
  for await (const row of rows) {
    if (buffer.length < size) {
      buffer.push(row);
      continue;
    }
    const place = below(size);
    yield buffer[place];
    buffer[place] = row;
  }
  while (buffer.length > 0) {
    const place = below(buffer.length);
    yield buffer[place];
    buffer[place] = buffer[buffer.length - 1];
    buffer.pop();
  }
}

function checkCount(who: string, name: string, count: number, least = 0): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `${who}: ${name} must be an integer from ${least}, got ${shown(count)}`,
  );
}
