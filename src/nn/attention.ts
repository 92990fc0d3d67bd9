// Multi-head attention over ragged batches. The weights of query, key and value are row ranges of one tensor: one GEMM
// makes (T, 3 H·D), of which attention reads column ranges. Cross-attention has key and value packed, over other rows.
import { attention } from "../tensor/ops/attention.js";
import { linear } from "../tensor/ops/linear.js";
import { split } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { Linear } from "./layers.js";
import { type Init, type PackedParameter, type ParameterStore, zeros } from "./parameter.js";
import type { LinearPlace } from "./places.js";
import { type RelativeKind, RelativePositions, type RelativeRows } from "./relative-positions.js";

export interface SelfAttentionNames {
  query: string;
  key: string;
  value: string;
  output: string;
  /** Of NAME.weight, where positions are relative. */
  distance?: string;
}

export interface AttentionSizes {
  hidden: number;
  heads: number;
  /** Default hidden / heads: more than that where heads were pruned. */
  headSize?: number;
  /** Whether a token sees those before it alone; default false. */
  causal?: boolean;
  /** The kind, and how many positions there are. */
  relative?: { kind: RelativeKind; positions: number };
}

export interface AttentionOptions {
  /** i32 (B+1) */
  offsets: Tensor;
  /** Of the probabilities. */
  dropout: number;
  returnWeights: boolean;
}

export interface AttentionOutput {
  /** (T, C), before dropout and residual */
  output: Tensor;
  /** The probabilities on request: one (H, L, S) block per sequence, flat. */
  weights?: Tensor;
}

/** Weights of one input side by side, of which each is a place of its own. */
class PackedLinear {
  readonly #weight: PackedParameter; // (n O, I)
  readonly #bias: PackedParameter; // (n O)
  readonly #places: LinearPlace[];

  constructor(store: ParameterStore, names: readonly string[], inSize: number, outSize: number, init: Init) {
    const of = (part: string) => names.map((name) => `${name}.${part}`);
    this.#weight = store.declarePacked(of("weight"), [outSize, inSize], init, true);
    this.#bias = store.declarePacked(of("bias"), [outSize], zeros);
    this.#places = names.map((name, i) => store.places.addLinear(name, this.#weight.parts[i]));
  }

  /** x (T, I) -> n of (T, O): columns of one tensor */
  forward(x: Tensor): Tensor[] {
    const { tensor, scale } = this.#weight;
    const parts = split(linear(x, tensor, this.#bias.tensor, { weightScale: scale }), this.#places.length);
    return parts.map((part, i) => this.#places[i].complete(x, part));
  }
}

export class SelfAttention {
  readonly #packed: PackedLinear;
  readonly #output: Linear;
  readonly #relative: RelativePositions | undefined;
  readonly #scale: number;

  constructor(
    store: ParameterStore,
    names: SelfAttentionNames,
    private readonly sizes: AttentionSizes,
    init: Init,
  ) {
    const { hidden, heads, headSize = hidden / heads, relative } = sizes;
    const parts = [names.query, names.key, names.value];
    this.#packed = new PackedLinear(store, parts, hidden, heads * headSize, init);
    if (relative) {
      this.#relative = new RelativePositions(store, names.distance!, { heads, headSize, ...relative }, init);
    }
    this.#output = new Linear(store, names.output, heads * headSize, hidden, init);
    this.#scale = 1 / Math.sqrt(headSize);
  }

  /**
   * x (T, C) -> (T, C)
   *
   * @param rows where positions are relative
   */
  forward(
    x: Tensor,
    { offsets, dropout, returnWeights }: AttentionOptions,
    rows?: RelativeRows,
  ): AttentionOutput {
    const [q, k, v] = this.#packed.forward(x); // (T, H·D) each
    const { heads, causal } = this.sizes;
    const bias = this.#relative?.bias(q, k, rows!); // (B, H, L, L)
    const options = { heads, offsets, scale: this.#scale, dropout, causal, bias };
    return attended(this.#output, [q, k, v], { ...options, returnWeights });
  }
}

/** Queries of the rows of a batch, keys and values of what an encoder made of another. */
export class CrossAttention {
  readonly #query: Linear;
  readonly #packed: PackedLinear;
  readonly #output: Linear;

  constructor(
    store: ParameterStore,
    names: SelfAttentionNames,
    private readonly sizes: { hidden: number; heads: number },
    init: Init,
  ) {
    const { hidden } = sizes;
    this.#query = new Linear(store, names.query, hidden, hidden, init);
    this.#packed = new PackedLinear(store, [names.key, names.value], hidden, hidden, init);
    this.#output = new Linear(store, names.output, hidden, hidden, init);
  }

  /** x (T, C), memory (S, C) with its offsets (B+1) -> (T, C) */
  forward(
    x: Tensor,
    memory: { hidden: Tensor; offsets: Tensor },
    { offsets, dropout, returnWeights }: AttentionOptions,
  ): AttentionOutput {
    const q = this.#query.forward(x);
    const [k, v] = this.#packed.forward(memory.hidden); // (S, C) each
    const options = { heads: this.sizes.heads, offsets, keyOffsets: memory.offsets, dropout };
    return attended(this.#output, [q, k, v], { ...options, returnWeights });
  }
}

function attended(
  layer: Linear,
  [q, k, v]: [Tensor, Tensor, Tensor],
  options: Parameters<typeof attention>[3],
): AttentionOutput {
  if (!options.returnWeights)
    return { output: layer.forward(attention(q, k, v, { ...options, returnWeights: false })) };
  const { output, weights } = attention(q, k, v, { ...options, returnWeights: true });
  return { output: layer.forward(output), weights };
}
