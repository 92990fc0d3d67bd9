// Keys and values of a decoder's past (Vaswani et al., "Attention Is All You Need", 2017, section 3.2.3: a position
// sees the ones before it, so theirs never change). A pool of rows, one per token ever kept: which rows are a
// hypothesis's past is an index table alone. Reordering beams copies indices, and beams with a common past share its
// rows. The keys and values of an encoder's output are made once per source and shared by its hypotheses.
//
// Per layer: keys (R, W) and values (R, W), W = H·D; for cross-attention a second pair with rows of their own.
//
// How a decoder uses it, without gradients:
//   const sources = cache.admit(lengths);                 // one per source; lengths of what the encoder gave
//   for each layer: cache.writeCross(layer, k, v);        // (sum of lengths, W), encoder-decoders only
//   const sequences = sources.map((source) => cache.start(source));
//   cache.begin(sequences, counts);                       // counts[i] new tokens for sequence i; 1 each by default
//   x = embedding(inputIds (T), cache.positionIds (T));
//   for each layer: cache.selfAttention(layer, q, k, v, { heads }), cache.crossAttention(layer, q, { heads });
//   logits = project(cache.lastTokens(x));                // (N, V), one row per sequence
//   cache.end();
import { AthanorError } from "../errors.js";
import type { DType } from "../native/contract.js";
import { getEngine } from "../native/load.js";
import { attention, type RelativeBias } from "../tensor/ops/attention.js";
import { cast, gatherRows } from "../tensor/ops/shape.js";
import { noGrad, scope, untracked } from "../tensor/scope.js";
import { adopt, handles, makeTensor, type Tensor } from "../tensor/tensor.js";
import { RowPool } from "./row-pool.js";

export interface CacheOptions {
  /** Decoder layers. */
  layers: number;
  /** W = H·D, columns of keys and of values. */
  width: number;
  /** Columns of cross-attention's; default: width. */
  crossWidth?: number;
  /** Rows to begin with, default 256; the pools double as they fill. */
  rows?: number;
  /** The most rows of each pool; default: no limit but memory. */
  maxRows?: number;
  device?: string;
  /** @internal The model's queue. */
  queue?: number;
  /** f32, or bf16 for a model whose activations are. */
  dtype?: DType;
}

export interface CachedAttentionOptions {
  heads: number;
  /** Default 1 / sqrt(D). */
  scale?: number;
  relativeBias?: RelativeBias | null;
}

/** A source's place in the cache: its cross-attention rows and all rows of its hypotheses. */
export class CacheSource {
  /** Hypotheses that go on. */
  readonly sequences = new Set<CacheSequence>();
  /** Rows of the self-attention pool that belong to this source. */
  readonly owned = new Set<number>();
  released = false;

  /** @internal */
  constructor(
    readonly crossBegin: number,
    readonly crossLength: number,
  ) {}
}

/** The past of one hypothesis: the rows of its tokens, in order. Nothing but indices. */
export class CacheSequence {
  #rows: Int32Array;
  length: number;

  /** @internal */
  constructor(
    readonly source: CacheSource,
    rows = new Int32Array(16),
    length = 0,
  ) {
    this.#rows = rows;
    this.length = length;
    source.sequences.add(this);
  }

  get rows(): Int32Array {
    return this.#rows.subarray(0, this.length);
  }

  /** Another hypothesis with the same past. */
  fork(): CacheSequence {
    return new CacheSequence(this.source, this.#rows.slice(), this.length);
  }

  /** This hypothesis ends; rows that no other one shares can be used again. */
  drop(): void {
    this.source.sequences.delete(this);
  }

  /** @internal */
  append(rows: Int32Array): void {
    if (this.length + rows.length > this.#rows.length) {
      const larger = new Int32Array(2 * (this.length + rows.length));
      larger.set(this.rows);
      this.#rows = larger;
    }
    this.#rows.set(rows, this.length);
    this.length += rows.length;
  }
}

/** Keys and values of all layers with the same rows. */
class LayerRows {
  readonly pool: RowPool;
  keys: Tensor[] = [];
  values: Tensor[] = [];

  constructor(
    private readonly name: string,
    private readonly width: number,
    rows: number,
    private readonly options: CacheOptions,
  ) {
    this.pool = new RowPool(rows);
    for (let layer = 0; layer < options.layers; layer++) {
      this.keys.push(this.#make(rows));
      this.values.push(this.#make(rows));
    }
  }

  #make(rows: number): Tensor {
    const { device = "cpu", queue = 0, dtype = "f32" } = this.options;
    return untracked(() =>
      noGrad(() => {
        const zeros = makeTensor(null, "f32", [rows, this.width], device, queue);
        getEngine().native.fill(handles.of(zeros), 0);
        if (dtype === "f32") return zeros;
        const reduced = cast(zeros, dtype);
        zeros.dispose();
        return reduced;
      }),
    );
  }

  /** Doubles the rows until `needed` more are free. @throws ERR_OUT_OF_MEMORY beyond maxRows */
  grow(needed: number): void {
    const { maxRows = Number.POSITIVE_INFINITY } = this.options;
    const { capacity, free } = this.pool;
    const least = capacity - free + needed;
    if (least > maxRows) {
      throw new AthanorError(
        "ERR_OUT_OF_MEMORY",
        `cache: ${this.name} needs ${least} rows, maxRows is ${maxRows}`,
      );
    }
    let rows = Math.max(capacity, 1);
    // A range may need more than the sum of the gaps.
    while (rows < capacity + needed) rows *= 2;
    rows = Math.min(rows, Math.max(maxRows, least));
    for (const tensors of [this.keys, this.values]) {
      tensors.forEach((old, layer) => {
        const larger = this.#make(rows);
        copyInto(larger, 0, old);
        old.dispose();
        tensors[layer] = larger;
      });
    }
    this.pool.extend(rows);
  }

  dispose(): void {
    for (const t of [...this.keys, ...this.values]) t.dispose();
    this.keys = [];
    this.values = [];
  }
}

/** target[begin ...] = x, in place. */
function copyInto(target: Tensor, begin: number, x: Tensor): void {
  const { native } = getEngine();
  scope(() => {
    const rows = target.slice(begin, begin + x.shape[0]);
    native.copy(handles.of(rows), handles.of(x));
  });
}

/** target[rows[i]] = x[i], in place; rows ascending in stretches. */
function writeRows(target: Tensor, rows: Int32Array, x: Tensor): void {
  for (let begin = 0; begin < rows.length; ) {
    let end = begin + 1;
    while (end < rows.length && rows[end] === rows[end - 1] + 1) end++;
    const [first, last] = [begin, end];
    scope(() => copyInto(target, rows[first], x.slice(first, last)));
    begin = end;
  }
}

/** The tables of one step, on the host and as tensors. */
interface Step {
  sequences: readonly CacheSequence[];
  tokens: number;
  /** Rows that the step's tokens get, (T). */
  newRows: Int32Array;
  positionIds: Tensor;
  /** Rows of x with each sequence's last token (N); none where that is all of x. */
  last: Tensor | undefined;
  /** Without any past: where each sequence's tokens begin (N+1). */
  offsets: Tensor | undefined;
  /** Otherwise each token is a query sequence (T+1) over its own past and itself, one after another (K), (T+1). */
  queries: Tensor | undefined;
  pastRows: Tensor | undefined;
  pastOffsets: Tensor | undefined;
  /** Cross-attention: tokens of one source are a query sequence (G+1) over its rows (K), (G+1). */
  crossQueries: Tensor | undefined;
  crossRows: Tensor | undefined;
  crossOffsets: Tensor | undefined;
}

/** The cache of one generation or session; belongs to a model's queue. Free it with `dispose()`. */
export class KeyValueCache {
  readonly layers: number;
  readonly #own: LayerRows;
  readonly #cross: LayerRows;
  readonly #sources = new Set<CacheSource>();
  readonly #device: string;
  #admitted: CacheSource[] = [];
  #step: Step | undefined;
  #disposed = false;

  constructor(options: CacheOptions) {
    for (const name of ["layers", "width", "crossWidth", "rows", "maxRows"] as const) {
      const value = options[name];
      if (value === undefined && name !== "layers" && name !== "width") continue;
      if (!Number.isSafeInteger(value) || (value as number) < 1) {
        throw new AthanorError("ERR_ARGUMENT", `cache: ${name} must be an integer from 1, got ${value}`);
      }
    }
    const { layers, width, crossWidth = width, maxRows = Number.POSITIVE_INFINITY } = options;
    this.layers = layers;
    this.#device = options.device ?? "cpu";
    this.#own = new LayerRows("self-attention", width, Math.min(options.rows ?? 256, maxRows), options);
    // Made on first use: a decoder alone has none.
    this.#cross = new LayerRows("cross-attention", crossWidth, 0, options);
  }

  /** Rows in use and rows there are, of self-attention's pool. */
  get rows(): { used: number; capacity: number } {
    const { capacity, free } = this.#own.pool;
    return { used: capacity - free, capacity };
  }

  /**
   * Makes room for sources whose encoder outputs have these lengths (0: no encoder), in this order for writeCross.
   *
   * @throws ERR_OUT_OF_MEMORY when maxRows is not enough
   */
  admit(lengths: readonly number[]): CacheSource[] {
    this.#requireLive("admit");
    const sources: CacheSource[] = [];
    try {
      for (const length of lengths) sources.push(new CacheSource(this.#takeCross(length), length));
    } catch (error) {
      for (const source of sources) this.#cross.pool.giveRange(source.crossBegin, source.crossLength);
      throw error;
    }
    for (const source of sources) this.#sources.add(source);
    this.#admitted = sources;
    return sources;
  }

  #takeCross(length: number): number {
    if (length === 0) return 0;
    const begin = this.#cross.pool.takeRange(length);
    if (begin !== undefined) return begin;
    this.#cross.grow(length);
    return this.#cross.pool.takeRange(length) as number;
  }

  /** Keeps a layer's keys and values of the sources admitted last, k and v (sum of their lengths, W). */
  writeCross(layer: number, k: Tensor, v: Tensor): void {
    const rows = Int32Array.from(this.#admitted.flatMap(crossRowsOf));
    if (k.shape[0] !== rows.length || v.shape[0] !== rows.length) {
      throw new AthanorError(
        "ERR_SHAPE",
        `cache: writeCross needs ${rows.length} rows, got ${k.shape[0]} keys and ${v.shape[0]} values`,
      );
    }
    this.#requireInference("writeCross");
    writeRows(this.#cross.keys[layer], rows, k);
    writeRows(this.#cross.values[layer], rows, v);
  }

  /** A hypothesis of a source, with nothing behind it; `fork()` makes further ones. */
  start(source: CacheSource): CacheSequence {
    if (!this.#sources.has(source)) {
      throw new AthanorError("ERR_DISPOSED", "cache: start needs a source that was not released");
    }
    return new CacheSequence(source);
  }

  /** A source has finished: all that it holds can be used by others. Twice is fine. */
  release(source: CacheSource): void {
    if (!this.#sources.delete(source)) return;
    this.#own.pool.give(source.owned);
    this.#cross.pool.giveRange(source.crossBegin, source.crossLength);
    source.owned.clear();
    source.sequences.clear();
    source.released = true;
  }

  /**
   * Begins a step in which `sequences[i]`, all different, gets counts[i] tokens (default 1 each): T in all, in this
   * order.
   *
   * @throws ERR_OUT_OF_MEMORY when the pool may not grow that far; the sequences are then unchanged
   */
  begin(sequences: readonly CacheSequence[], counts?: readonly number[]): void {
    this.#requireLive("begin");
    this.end();
    const each = counts ?? sequences.map(() => 1);
    const tokens = each.reduce((sum, count) => sum + count, 0);
    const past = sequences.map((sequence) => sequence.length);
    const newRows = this.#takeRows(tokens);
    let at = 0;
    sequences.forEach((sequence, i) => {
      const rows = newRows.subarray(at, at + each[i]);
      sequence.append(rows);
      for (const row of rows) sequence.source.owned.add(row);
      at += each[i];
    });
    this.#step = untracked(() => this.#tables(sequences, each, past, newRows));
  }

  #takeRows(count: number): Int32Array {
    const { pool } = this.#own;
    if (count > pool.free) {
      this.#sweep();
      // Little was found: the next step would sweep again.
      if (pool.free < count + pool.capacity / 4) this.#growIfAllowed(count);
    }
    return pool.take(count) as Int32Array;
  }

  #growIfAllowed(count: number): void {
    try {
      this.#own.grow(Math.max(count, this.#own.pool.free + 1));
    } catch (error) {
      if (count > this.#own.pool.free) throw error;
    }
  }

  /** Frees rows that no hypothesis holds any more. */
  #sweep(): void {
    for (const { owned, sequences } of this.#sources) {
      const held = new Set<number>();
      for (const { rows } of sequences) for (const row of rows) held.add(row);
      const dead = [...owned].filter((row) => !held.has(row));
      for (const row of dead) owned.delete(row);
      this.#own.pool.give(dead);
    }
  }

  #tables(
    sequences: readonly CacheSequence[],
    counts: readonly number[],
    past: readonly number[],
    newRows: Int32Array,
  ): Step {
    const tokens = newRows.length;
    const positions = sequences.flatMap((_, i) => Array.from({ length: counts[i] }, (_, j) => past[i] + j));
    const offsets = running(counts);
    const single = counts.every((count) => count === 1);
    const fresh = past.every((length) => length === 0);
    const step: Step = {
      sequences,
      tokens,
      newRows,
      positionIds: this.#upload(positions),
      last: single ? undefined : this.#upload(offsets.slice(1).map((end) => end - 1)),
      offsets: fresh ? this.#upload(offsets) : undefined,
      queries: undefined,
      pastRows: undefined,
      pastOffsets: undefined,
      crossQueries: undefined,
      crossRows: undefined,
      crossOffsets: undefined,
    };
    if (!fresh) {
      const pasts = sequences.flatMap(({ rows }, i) =>
        Array.from({ length: counts[i] }, (_, j) => rows.subarray(0, past[i] + j + 1)),
      );
      step.queries = this.#upload(running(pasts.map(() => 1)));
      step.pastOffsets = this.#upload(running(pasts.map((rows) => rows.length)));
      step.pastRows = this.#upload(pasts.flatMap((rows) => Array.from(rows)));
    }
    this.#crossTables(step, sequences, counts);
    return step;
  }

  #crossTables(step: Step, sequences: readonly CacheSequence[], counts: readonly number[]): void {
    if (this.#cross.pool.capacity === 0) return;
    const groups: CacheSource[] = [];
    const sizes: number[] = [];
    sequences.forEach(({ source }, i) => {
      if (groups[groups.length - 1] === source) sizes[sizes.length - 1] += counts[i];
      else {
        groups.push(source);
        sizes.push(counts[i]);
      }
    });
    step.crossQueries = this.#upload(running(sizes));
    step.crossRows = this.#upload(groups.flatMap(crossRowsOf));
    step.crossOffsets = this.#upload(running(groups.map((source) => source.crossLength)));
  }

  #upload(values: ArrayLike<number>): Tensor {
    return makeTensor(Int32Array.from(values), "i32", [values.length], this.#device, 0);
  }

  /** The place of each of the step's tokens in its sequence, from 0: i32 (T). */
  get positionIds(): Tensor {
    return this.#current("positionIds").positionIds;
  }

  /**
   * The attention of the step's tokens to their past and to themselves, whose keys and values are kept.
   *
   * @param q (T, W), as k and v; ranges of columns are taken as they are
   * @returns (T, W)
   */
  selfAttention(layer: number, q: Tensor, k: Tensor, v: Tensor, options: CachedAttentionOptions): Tensor {
    const step = this.#current("selfAttention");
    this.#requireInference("selfAttention");
    const [keys, values] = [this.#own.keys[layer], this.#own.values[layer]];
    writeRows(keys, step.newRows, k);
    writeRows(values, step.newRows, v);
    const { queries, pastRows, pastOffsets, offsets } = step;
    if (offsets) return attention(q, k, v, { ...options, offsets, causal: true });
    return scope(() =>
      attention(q, gatherRows(keys, pastRows as Tensor), gatherRows(values, pastRows as Tensor), {
        ...options,
        offsets: queries as Tensor,
        keyOffsets: pastOffsets,
      }),
    );
  }

  /** The attention of the step's tokens to their sources: q (T, W) -> (T, W). */
  crossAttention(layer: number, q: Tensor, options: CachedAttentionOptions): Tensor {
    const { crossQueries, crossRows, crossOffsets } = this.#current("crossAttention");
    this.#requireInference("crossAttention");
    if (!crossQueries) {
      throw new AthanorError("ERR_ARGUMENT", "cache: crossAttention needs sources with a length, got none");
    }
    const rows = crossRows as Tensor;
    return scope(() =>
      attention(q, gatherRows(this.#cross.keys[layer], rows), gatherRows(this.#cross.values[layer], rows), {
        ...options,
        offsets: crossQueries,
        keyOffsets: crossOffsets,
      }),
    );
  }

  /** Of x (T, C) the rows of each sequence's last token: (N, C). */
  lastTokens(x: Tensor): Tensor {
    const { last } = this.#current("lastTokens");
    return last ? gatherRows(x, last) : x;
  }

  /** Ends a step: its tables are freed. */
  end(): void {
    const step = this.#step;
    if (!step) return;
    this.#step = undefined;
    const { positionIds, last, offsets, queries, pastRows, pastOffsets } = step;
    const { crossQueries, crossRows, crossOffsets } = step;
    const own = [positionIds, last, offsets, queries, pastRows, pastOffsets];
    for (const t of [...own, crossQueries, crossRows, crossOffsets]) t?.dispose();
  }

  /** Frees all memory; twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.end();
    this.#sources.clear();
    this.#own.dispose();
    this.#cross.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #current(method: string): Step {
    if (!this.#step) {
      throw new AthanorError("ERR_ARGUMENT", `cache: ${method} needs a step, call begin first`);
    }
    return this.#step;
  }

  #requireLive(method: string): void {
    if (this.#disposed) throw new AthanorError("ERR_DISPOSED", `cache: ${method} after dispose`);
  }

  #requireInference(method: string): void {
    if (adopt.recording) {
      throw new AthanorError("ERR_ARGUMENT", `cache: ${method} has no gradient, call it within noGrad`);
    }
  }
}

function crossRowsOf({ crossBegin, crossLength }: CacheSource): number[] {
  return Array.from({ length: crossLength }, (_, i) => crossBegin + i);
}

/** Sums from 0: where each part begins, and where the last one ends. */
function running(counts: readonly number[]): number[] {
  const sums = [0];
  for (const count of counts) sums.push(sums[sums.length - 1] + count);
  return sums;
}
