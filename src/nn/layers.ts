// The layers that every transformer here is made of. Each declares its parameters under the names that
// Transformers saves and applies one or two fused ops.
import { type Activation, embedding, linear } from "../tensor/ops/linear.js";
import { dropout, layerNorm } from "../tensor/ops/norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Init, ones, type Parameter, type ParameterStore, zeros } from "./parameter.js";

/** y = act(x Wᵀ + b): NAME.weight (out, in), NAME.bias (out). */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(store: ParameterStore, name: string, inSize: number, outSize: number, init: Init) {
    this.weight = store.declare(`${name}.weight`, [outSize, inSize], init, true);
    this.bias = store.declare(`${name}.bias`, [outSize], zeros);
  }

  /** x (T, in) -> (T, out) */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const { tensor, scale } = this.weight;
    return linear(x, tensor, this.bias.tensor, { activation, weightScale: scale });
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
    readonly eps: number,
  ) {
    this.weight = store.declare(`${name}.weight`, [size], ones);
    this.bias = store.declare(`${name}.bias`, [size], zeros);
  }

  /** norm(x + dropout(residual)), x (T, C) */
  forward(x: Tensor, residual?: Tensor, p = 0): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor, { eps: this.eps, residual, dropout: p });
  }
}

/** Word + position + type embeddings, normalised: (T) ids -> (T, C). */
export class TextEmbeddings {
  readonly words: Parameter;
  readonly #positions: Parameter;
  readonly #types: Parameter;
  readonly #norm: LayerNorm;

  constructor(
    store: ParameterStore,
    name: string,
    sizes: { vocabulary: number; positions: number; types: number; hidden: number },
    private readonly paddingIdx: number | null,
    eps: number,
    std: number,
  ) {
    const init: Init = { kind: "normal", std };
    const wordInit: Init = { kind: "normal", std, zeroRow: paddingIdx ?? undefined };
    this.words = store.declare(`${name}.word_embeddings.weight`, [sizes.vocabulary, sizes.hidden], wordInit);
    this.#positions = store.declare(
      `${name}.position_embeddings.weight`,
      [sizes.positions, sizes.hidden],
      init,
    );
    this.#types = store.declare(`${name}.token_type_embeddings.weight`, [sizes.types, sizes.hidden], init);
    this.#norm = new LayerNorm(store, `${name}.LayerNorm`, sizes.hidden, eps);
  }

  forward(ids: { inputIds: Tensor; positionIds: Tensor; tokenTypeIds: Tensor }, p: number): Tensor {
    const sum = embedding([
      { table: this.words.tensor, ids: ids.inputIds, paddingIdx: this.paddingIdx },
      { table: this.#positions.tensor, ids: ids.positionIds },
      { table: this.#types.tensor, ids: ids.tokenTypeIds },
    ]);
    const x = this.#norm.forward(sum); // (T, C)
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
