// One step of a decoder over a key/value cache: the index tables that all its layers share, and attention by them.
import { AthanorError } from "../errors.js";
import { attention, type RelativeBias } from "../tensor/ops/attention.js";
import { gatherRows } from "../tensor/ops/shape.js";
import { scope, untracked } from "../tensor/scope.js";
import { makeTensor, type Tensor } from "../tensor/tensor.js";
import { type CacheSequence, crossRowsOf } from "./cache-places.js";
import { type LayerRows, writeRows } from "./layer-rows.js";

export interface CachedAttentionOptions {
  heads: number;
  /** Default 1 / sqrt(D). */
  scale?: number;
  relativeBias?: RelativeBias | null;
}

/** What a step adds to the cache. */
export interface StepPlan {
  /** All different; N of them. */
  sequences: readonly CacheSequence[];
  /** How many tokens each of them gets; T in all. */
  counts: readonly number[];
  /** How many each had before. */
  past: readonly number[];
  /** Rows that the tokens get, in order (T). */
  newRows: Int32Array;
}

/** Queries and the keys that they see, one attention sequence after another. */
interface Gathered {
  offsets: Tensor;
  keyRows: Tensor;
  keyOffsets: Tensor;
}

/** Sums from 0: where each part begins, and where the last one ends. */
function running(counts: readonly number[]): number[] {
  const sums = [0];
  for (const count of counts) sums.push(sums[sums.length - 1] + count);
  return sums;
}

export class CacheStep {
  /** The place of each token in its sequence, from 0: i32 (T). */
  readonly positionIds: Tensor;
  readonly #made: Tensor[] = [];
  readonly #newRows: Int32Array;
  /** Rows with each sequence's last token (N); none where that is all of them. */
  readonly #last: Tensor | undefined;
  /** Without any past: where each sequence's tokens begin (N+1). */
  readonly #prompts: Tensor | undefined;
  /** Otherwise each token is a query over its own past and itself. */
  readonly #pasts: Gathered | undefined;
  /** The tokens of one source are queries over its rows. */
  readonly #sources: Gathered | undefined;

  constructor(
    plan: StepPlan,
    hasCross: boolean,
    private readonly device: string,
  ) {
    const { sequences, counts, past, newRows } = plan;
    this.#newRows = newRows;
    const offsets = running(counts);
    this.positionIds = this.#upload(
      sequences.flatMap((_, i) => Array.from({ length: counts[i] }, (_, j) => past[i] + j)),
    );
    if (counts.some((count) => count !== 1))
      this.#last = this.#upload(offsets.slice(1).map((end) => end - 1));
    if (past.every((length) => length === 0)) this.#prompts = this.#upload(offsets);
    else this.#pasts = this.#pastTables(plan);
    if (hasCross) this.#sources = this.#sourceTables(plan);
  }

  #upload(values: ArrayLike<number>): Tensor {
    const t = untracked(() => makeTensor(Int32Array.from(values), "i32", [values.length], this.device, 0));
    this.#made.push(t);
    return t;
  }

  #gathered(queries: readonly number[], keys: readonly ArrayLike<number>[]): Gathered {
    return {
      offsets: this.#upload(running(queries)),
      keyRows: this.#upload(keys.flatMap((rows) => Array.from(rows))),
      keyOffsets: this.#upload(running(keys.map((rows) => rows.length))),
    };
  }

  #pastTables({ sequences, counts, past }: StepPlan): Gathered {
    const keys = sequences.flatMap(({ rows }, i) =>
      Array.from({ length: counts[i] }, (_, j) => rows.subarray(0, past[i] + j + 1)),
    );
    return this.#gathered(
      keys.map(() => 1),
      keys,
    );
  }

  #sourceTables({ sequences, counts }: StepPlan): Gathered {
    const sizes: number[] = [];
    const sources = sequences.map(({ source }) => source);
    const groups = sources.filter((source, i) => {
      const begins = i === 0 || sources[i - 1] !== source;
      if (begins) sizes.push(counts[i]);
      else sizes[sizes.length - 1] += counts[i];
      return begins;
    });
    return this.#gathered(sizes, groups.map(crossRowsOf));
  }

  /** Keeps k and v (T, W) and attends to each token's past: q (T, W) -> (T, W). */
  selfAttention(
    own: LayerRows,
    layer: number,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    options: CachedAttentionOptions,
  ): Tensor {
    writeRows(own.keys[layer], this.#newRows, k);
    writeRows(own.values[layer], this.#newRows, v);
    if (this.#prompts) return attention(q, k, v, { ...options, offsets: this.#prompts, causal: true });
    return attend(q, own, layer, this.#pasts as Gathered, options);
  }

  /** q (T, W) over the rows of each token's source: (T, W). */
  crossAttention(cross: LayerRows, layer: number, q: Tensor, options: CachedAttentionOptions): Tensor {
    if (!this.#sources) {
      throw new AthanorError("ERR_ARGUMENT", "cache: crossAttention needs sources with a length, got none");
    }
    return attend(q, cross, layer, this.#sources, options);
  }

  /** Of x (T, C) the rows of each sequence's last token: (N, C). */
  lastTokens(x: Tensor): Tensor {
    return this.#last ? gatherRows(x, this.#last) : x;
  }

  dispose(): void {
    for (const t of this.#made) t.dispose();
  }
}

function attend(
  q: Tensor,
  { keys, values }: LayerRows,
  layer: number,
  { offsets, keyRows, keyOffsets }: Gathered,
  options: CachedAttentionOptions,
): Tensor {
  return scope(() => {
    const [k, v] = [gatherRows(keys[layer], keyRows), gatherRows(values[layer], keyRows)];
    return attention(q, k, v, { ...options, offsets, keyOffsets });
  });
}
