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
import { writeRows } from "../tensor/ops/cache.js";
import { untracked } from "../tensor/scope.js";
import { adopt, makeTensor, type Tensor } from "../tensor/tensor.js";
import { CacheSequence, CacheSource } from "./cache-places.js";
import { type CachedAttentionOptions, CacheStep } from "./cache-step.js";
import { type CacheOptions, LayerRows } from "./layer-rows.js";

export { CacheSequence, CacheSource } from "./cache-places.js";
export type { CachedAttentionOptions } from "./cache-step.js";
export type { CacheOptions } from "./layer-rows.js";

/** The cache of one generation or session; belongs to a model's queue. Free it with `dispose()`. */
export class KeyValueCache {
  readonly layers: number;
  readonly #own: LayerRows;
  readonly #cross: LayerRows;
  readonly #sources = new Set<CacheSource>();
  readonly #device: string;
  /** Rows of the sources admitted last, in order: i32. */
  #admitted: Tensor | undefined;
  #step: CacheStep | undefined;
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
    this.#remember(sources);
    return sources;
  }

  #remember(sources: readonly CacheSource[]): void {
    this.#admitted?.dispose();
    const rows = sources.flatMap(({ crossBegin, crossLength }) =>
      Array.from({ length: crossLength }, (_, i) => crossBegin + i),
    );
    this.#admitted = untracked(() =>
      makeTensor(Int32Array.from(rows), "i32", [rows.length], this.#device, 0),
    );
  }

  #takeCross(length: number): number {
    if (length === 0) return 0;
    const begin = this.#cross.pool.takeRange(length);
    if (begin !== undefined) return begin;
    this.#cross.grow(length);
    const grown = this.#cross.pool.takeRange(length);
    if (grown !== undefined) return grown;
    const needed = `cross-attention needs ${length} rows side by side`;
    throw new AthanorError("ERR_OUT_OF_MEMORY", `cache: ${needed}, maxRows leaves shorter gaps alone`);
  }

  /** Keeps a layer's keys and values of the sources admitted last, k and v (sum of their lengths, W). */
  writeCross(layer: number, k: Tensor, v: Tensor): void {
    this.#requireInference("writeCross");
    const rows = this.#admitted;
    const count = rows?.size ?? 0;
    if (!rows || k.shape[0] !== count || v.shape[0] !== count) {
      throw new AthanorError(
        "ERR_SHAPE",
        `cache: writeCross needs ${count} rows, got ${k.shape[0]} keys and ${v.shape[0]} values`,
      );
    }
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
    const plan = { sequences, counts: each, past, newRows };
    this.#step = new CacheStep(plan, this.#cross.pool.capacity > 0, this.#device);
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
    return step.selfAttention(this.#own, layer, q, k, v, options);
  }

  /** The attention of the step's tokens to their sources: q (T, W) -> (T, W). */
  crossAttention(layer: number, q: Tensor, options: CachedAttentionOptions): Tensor {
    const step = this.#current("crossAttention");
    this.#requireInference("crossAttention");
    return step.crossAttention(this.#cross, layer, q, options);
  }

  /** Of x (T, C) the rows of each sequence's last token: (N, C). */
  lastTokens(x: Tensor): Tensor {
    return this.#current("lastTokens").lastTokens(x);
  }

  /** Ends a step: its tables are freed. */
  end(): void {
    this.#step?.dispose();
    this.#step = undefined;
  }

  /** Frees all memory; twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.end();
    this.#admitted?.dispose();
    this.#sources.clear();
    this.#own.dispose();
    this.#cross.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #current(method: string): CacheStep {
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
