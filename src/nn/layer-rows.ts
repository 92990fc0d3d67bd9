// The memory of a key/value cache: for every layer a tensor of keys and one of values, all with the same rows.
import { AthanorError } from "../errors.js";
import type { DType } from "../native/contract.js";
import { getEngine } from "../native/load.js";
import { scope, untracked } from "../tensor/scope.js";
import { handles, makeTensor, type Tensor } from "../tensor/tensor.js";
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

/** Keys and values of all layers with the same rows. */
export class LayerRows {
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

  /** Nobody reads a row before it is written. */
  #make(rows: number): Tensor {
    const { device = "cpu", queue = 0, dtype = "f32" } = this.options;
    return untracked(() => makeTensor(null, dtype, [rows, this.width], device, queue));
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
