// The layers that every transformer here is made of. Each declares its parameters under the names that
// Transformers saves and applies one or two fused ops.

import { type Activation, type EmbeddingLookup, embedding, linear } from "../tensor/ops/linear.js";
import { dropout, layerNorm } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { activated } from "./activation.js";
import { type Init, ones, type Parameter, type ParameterStore, usualInit, zeros } from "./parameter.js";
import type { LinearPlace } from "./places.js";

/** y = act(x Wᵀ + b): NAME.weight (out, in), NAME.bias (out). */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #place: LinearPlace;

  constructor(store: ParameterStore, name: string, inSize: number, outSize: number, init: Init = usualInit) {
    this.weight = store.declare(`${name}.weight`, [outSize, inSize], init, true);
    this.bias = store.declare(`${name}.bias`, [outSize], zeros);
    this.#place = store.places.addLinear(name, this.weight);
  }

  /** x (T, in) -> (T, out) */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const { tensor, scale } = this.weight;
    const bias = this.bias.tensor;
    if (!this.#place.addition) return linear(x, tensor, bias, { activation, weightScale: scale });
    return activated(this.#place.complete(x, linear(x, tensor, bias, { weightScale: scale })), activation);
  }
}

/** NAME.weight (C), NAME.bias (C). */
export class LayerNorm {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    store: ParameterStore,
    name: string,
    size: number,
    readonly eps = 1e-12,
  ) {
    this.weight = store.declare(`${name}.weight`, [size], ones);
    this.bias = store.declare(`${name}.bias`, [size], zeros);
  }

  /** norm(x + dropout(residual)), x (T, C) */
  forward(x: Tensor, residual?: Tensor, p = 0): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor, { eps: this.eps, residual, dropout: p });
  }
}

/** NAME.weight (rows, C): one row for each id. */
export class Embedding {
  readonly weight: Parameter;

  /** @param paddingIdx the row that starts at zero and takes no gradient */
  constructor(
    store: ParameterStore,
    name: string,
    rows: number,
    size: number,
    init: Init = usualInit,
    private readonly paddingIdx?: number,
  ) {
    const start: Init =
      init.kind === "normal" && paddingIdx !== undefined ? { ...init, zeroRow: paddingIdx } : init;
    this.weight = store.declare(`${name}.weight`, [rows, size], start);
  }

  /** ids i32 (T) -> (T, C) */
  forward(ids: Tensor): Tensor {
    return embedding([{ table: this.weight.tensor, ids, paddingIdx: this.paddingIdx }]);
  }
}

/** Sets each element to 0 with probability p while training, and scales the others by 1 / (1 - p). */
export class Dropout {
  constructor(readonly p: number) {}

  forward(x: Tensor, training: boolean): Tensor {
    return training && this.p > 0 ? dropout(x, this.p) : x;
  }
}

export interface TextEmbeddingSizes {
  vocabulary: number;
  positions: number;
  /** Rows of the token type table; without it there is none. */
  types?: number;
  /** Width E of the tables. */
  width: number;
  eps: number;
}

export interface TextEmbeddingInit {
  std: number;
  /** Row of the word table that starts at zero and takes no gradient of look-ups. */
  paddingIdx: number | null;
  /** Likewise of the position table, where it has one. */
  positionPaddingIdx?: number;
  /** How positions start; normal by default. */
  positions?: Init;
  /** The table is there, but positions are told otherwise. */
  positionsUnused?: boolean;
}

/** Word + position (+ type) embeddings, normalised: (T) ids -> (T, E). */
export class TextEmbeddings {
  readonly words: Parameter;
  readonly #positions: Parameter;
  readonly #types: Parameter | undefined;
  readonly #norm: LayerNorm;

  constructor(
    store: ParameterStore,
    name: string,
    { vocabulary, positions, types, width, eps }: TextEmbeddingSizes,
    private readonly init: TextEmbeddingInit,
  ) {
    const { std, paddingIdx, positionPaddingIdx } = init;
    const rows = (zeroRow?: number): Init => ({ kind: "normal", std, zeroRow });
    const declare = (table: string, size: number, start: Init) =>
      store.declare(`${name}.${table}_embeddings.weight`, [size, width], start);
    this.words = declare("word", vocabulary, rows(paddingIdx ?? undefined));
    this.#positions = declare("position", positions, init.positions ?? rows(positionPaddingIdx));
    if (types !== undefined) this.#types = declare("token_type", types, rows());
    this.#norm = new LayerNorm(store, `${name}.LayerNorm`, width, eps);
  }

  forward(ids: { inputIds: Tensor; positionIds: Tensor; tokenTypeIds: Tensor }, p: number): Tensor {
    const { paddingIdx, positionPaddingIdx, positionsUnused } = this.init;
    const lookups: EmbeddingLookup[] = [{ table: this.words.tensor, ids: ids.inputIds, paddingIdx }];
    if (!positionsUnused) {
      const table = this.#positions.tensor;
      lookups.push({ table, ids: ids.positionIds, paddingIdx: positionPaddingIdx });
    }
    if (this.#types) lookups.push({ table: this.#types.tensor, ids: ids.tokenTypeIds });
    const x = this.#norm.forward(embedding(lookups)); // (T, E)
    return p > 0 ? dropout(x, p) : x;
  }
}

/** The two linear layers after attention: C -> F -> C. */
export class FeedForward {
  readonly #up: Linear;
  readonly #down: Linear;

  constructor(
    store: ParameterStore,
    upName: string,
    downName: string,
    hidden: number,
    inner: number,
    init: Init,
    private readonly activation: Activation,
  ) {
    this.#up = new Linear(store, upName, hidden, inner, init);
    this.#down = new Linear(store, downName, inner, hidden, init);
  }

  /** x (T, C) -> (T, C) */
  forward(x: Tensor): Tensor {
    return this.#down.forward(this.#up.forward(x, this.activation));
  }
}
