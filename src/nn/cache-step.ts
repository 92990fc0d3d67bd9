// One step of a decoder over a key/value cache: the index tables that all its layers share, and attention by them.
import { AthanorError } from "../errors.js";
import { attention, type RelativeBias } from "../tensor/ops/attention.js";
import { cachedAttention, writeRows } from "../tensor/ops/cache.js";
import { gatherRows } from "../tensor/ops/shape.js";
import { untracked } from "../tensor/scope.js";
import { makeTensor, type Tensor } from "../tensor/tensor.js";
import type { CacheSequence } from "./cache-places.js";
import type { LayerRows } from "./layer-rows.js";

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

export class CacheStep {
  /** The place of each token in its sequence, from 0: i32 (T). */
  readonly positionIds: Tensor;
  readonly #made: Tensor[] = [];
  readonly #newRows: Tensor; // (T)
  /** Rows with each sequence's last token (N); none where that is all of them. */
  readonly #last: Tensor | undefined;
  /** Without any past: where each sequence's tokens begin (N+1). */
  readonly #prompts: Tensor | undefined;
  /** Otherwise each token's past and itself: (T, longest) rows of which the first (T) count. */
  readonly #pasts: { rows: Tensor; lengths: Tensor } | undefined;
  /** Each token's source: its first row and how many there are, (T) both. */
  readonly #sources: { starts: Tensor; lengths: Tensor } | undefined;

  constructor(
    plan: StepPlan,
    hasCross: boolean,
    private readonly device: string,
  ) {
    const { sequences, counts, past, newRows } = plan;
    const tokens = newRows.length;
    const positions = new Int32Array(tokens);
    const last = new Int32Array(sequences.length);
    const offsets = new Int32Array(sequences.length + 1);
    sequences.forEach((_, i) => {
      const begin = offsets[i];
      for (let j = 0; j < counts[i]; j++) positions[begin + j] = past[i] + j;
      offsets[i + 1] = begin + counts[i];
      last[i] = begin + counts[i] - 1;
    });
    this.#newRows = this.#upload(newRows);
    this.positionIds = this.#upload(positions);
    if (tokens !== sequences.length) this.#last = this.#upload(last);
    if (past.every((length) => length === 0)) this.#prompts = this.#upload(offsets);
    else this.#pasts = this.#pastTables(plan, positions);
    if (hasCross) this.#sources = this.#sourceTables(plan, tokens);
  }

  #upload(values: Int32Array, shape = [values.length]): Tensor {
    const t = untracked(() => makeTensor(values, "i32", shape, this.device, 0));
    this.#made.push(t);
    return t;
  }

  #pastTables({ sequences, counts }: StepPlan, positions: Int32Array) {
    const longest = Math.max(...sequences.map(({ length }) => length));
    const rows = new Int32Array(positions.length * longest);
    let token = 0;
    sequences.forEach((sequence, i) => {
      for (let j = 0; j < counts[i]; j++, token++) {
        rows.set(sequence.rows.subarray(0, positions[token] + 1), token * longest);
      }
    });
    const lengths = positions.map((position) => position + 1);
    return { rows: this.#upload(rows, [positions.length, longest]), lengths: this.#upload(lengths) };
  }

  #sourceTables({ sequences, counts }: StepPlan, tokens: number) {
    const starts = new Int32Array(tokens);
    const lengths = new Int32Array(tokens);
    let token = 0;
    sequences.forEach(({ source }, i) => {
      starts.fill(source.crossBegin, token, token + counts[i]);
      lengths.fill(source.crossLength, token, token + counts[i]);
      token += counts[i];
    });
    return { starts: this.#upload(starts), lengths: this.#upload(lengths) };
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
    const [keys, values] = [own.keys[layer], own.values[layer]];
    if (this.#prompts) {
      writeRows(keys, this.#newRows, k);
      writeRows(values, this.#newRows, v);
      return attention(q, k, v, { ...options, offsets: this.#prompts, causal: true });
    }
    const fresh = { newKeys: k, newValues: v, newRows: this.#newRows };
    return cachedAttention(q, keys, values, { ...options, ...this.#pasts!, ...fresh });
  }

  /** q (T, W) over the rows of each token's source: (T, W). */
  crossAttention(cross: LayerRows, layer: number, q: Tensor, options: CachedAttentionOptions): Tensor {
    if (!this.#sources) {
      throw new AthanorError("ERR_ARGUMENT", "cache: crossAttention needs sources with a length, got none");
    }
    return cachedAttention(q, cross.keys[layer], cross.values[layer], { ...options, ...this.#sources });
  }

  /** Of x (T, C) the rows of each sequence's last token: (N, C). */
  lastTokens(x: Tensor): Tensor {
    return this.#last ? gatherRows(x, this.#last) : x;
  }

  dispose(): void {
    for (const t of this.#made) t.dispose();
  }
}
