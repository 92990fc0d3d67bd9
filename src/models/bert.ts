// BERT (Devlin et al. 2018, arXiv:1810.04805), as transformers.BertModel: embeddings, L post-norm layers,
// pooler; with the variations that make RoBERTa and ELECTRA of it. All tensors are ragged: T tokens of B sequences,
// hidden size C, embedding width E.
import { AthanorError } from "../errors.js";
import { Linear, TextEmbeddings } from "../nn/layers.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { PostNormLayer, type PostNormLayerNames } from "../nn/post-norm-layer.js";
import { relativeRows } from "../nn/relative-positions.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Batch } from "./batch.js";
import type { ModelConfig } from "./config.js";
import type { Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";
import {
  bertEntries,
  type EncoderSizes,
  encoderSizes,
  layerSizes,
  type SizeEntries,
} from "./encoder-sizes.js";
import type { Abilities } from "./encoder-variations.js";
import { runLayers } from "./layer-stack.js";

/** How a family differs from BERT. */
export interface BertVariant {
  entries: SizeEntries;
  /** False: the family has none. */
  pooler: boolean;
  /** Positions count from the padding token's id + 1, and that token itself is not counted. */
  positionsAfterPadding?: boolean;
  /** Beside those of all: relative positions and fewer heads. */
  abilities?: Abilities;
}

export const bert: BertVariant = { entries: bertEntries, pooler: true, abilities: { decoder: true } };

/** RoBERTa (Liu et al. 2019, arXiv:1907.11692), as transformers.RobertaModel: fairseq's positions. */
export const roberta: BertVariant = {
  entries: { ...bertEntries, vocabulary: ["vocab_size", 50265], paddingIdx: 1 },
  pooler: true,
  positionsAfterPadding: true,
};

/** XLM-R (Conneau et al. 2020, arXiv:1911.02116) and CamemBERT (Martin et al. 2020, arXiv:1911.03894). */
export const xlmRoberta: BertVariant = {
  ...roberta,
  entries: { ...roberta.entries, vocabulary: ["vocab_size", 30522] },
};

/** ELECTRA (Clark et al. 2020, arXiv:2003.10555), as transformers.ElectraModel: embeddings may be narrower. */
export const electra: BertVariant = {
  entries: {
    ...bertEntries,
    hidden: ["hidden_size", 256],
    heads: ["num_attention_heads", 4],
    inner: ["intermediate_size", 1024],
    width: ["embedding_size", 128],
  },
  pooler: false,
};

export class BertEncoder implements Encoder {
  readonly sizes: EncoderSizes;
  readonly positions: number;
  readonly firstPosition: number;
  readonly uncountedToken?: number;
  readonly words: Parameter;
  readonly #embeddings: TextEmbeddings;
  readonly #projection: Linear | undefined;
  readonly #layers: PostNormLayer[];
  readonly #pooler: Linear | undefined;

  /**
   * @param prefix "" for the bare model, "bert." under a head
   * @param pooler whether the head wants one
   */
  constructor(
    store: ParameterStore,
    prefix: string,
    config: ModelConfig,
    pooler: boolean,
    variant: BertVariant = bert,
  ) {
    const abilities = { relativePositions: true, pruning: true, ...variant.abilities };
    const sizes = encoderSizes(config, variant.entries, abilities);
    const { hidden, width, std, paddingIdx, relative, crossAttention } = sizes;
    const padding = variant.positionsAfterPadding ? paddingPosition(sizes) : undefined;
    this.sizes = sizes;
    this.uncountedToken = padding;
    this.firstPosition = padding === undefined ? 0 : padding + 1;
    this.positions = sizes.positions - this.firstPosition;
    const starts = { std, paddingIdx, positionPaddingIdx: padding, positionsUnused: relative !== undefined };
    this.#embeddings = new TextEmbeddings(store, `${prefix}embeddings`, sizes, starts);
    this.words = this.#embeddings.words;
    const init: Init = { kind: "normal", std };
    if (width !== hidden) {
      this.#projection = new Linear(store, `${prefix}embeddings_project`, width, hidden, init);
    }
    this.#layers = Array.from({ length: sizes.layers }, (_, i) => {
      const names = layerNames(`${prefix}encoder.layer.${i}`, crossAttention);
      return new PostNormLayer(store, names, layerSizes(sizes, i));
    });
    if (pooler && variant.pooler) {
      this.#pooler = new Linear(store, `${prefix}pooler.dense`, hidden, hidden, init);
    }
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    const embedded = this.#embeddings.forward(batch, training ? this.sizes.hiddenDropout : 0); // (T, E)
    const x = this.#projection ? this.#projection.forward(embedded) : embedded; // (T, C)
    const { relative, crossAttention } = this.sizes;
    if (options.encoderOutputs && !crossAttention) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        "forward: encoderOutputs must be left out for a model without cross-attention (add_cross_attention), got some",
      );
    }
    const rows = relative && relativeRows(batch.bounds, relative.positions, batch.offsets.device);
    const output = runLayers(this.#layers, x, batch, training, { ...options, rows });
    const pooled = this.#pooler?.forward(gatherRows(output.hidden, batch.firstRows), "tanh"); // (B, C)
    return { ...output, pooled };
  }
}

function attentionNames(part: string) {
  return {
    query: `${part}.self.query`,
    key: `${part}.self.key`,
    value: `${part}.self.value`,
    distance: `${part}.self.distance_embedding`,
    output: `${part}.output.dense`,
    norm: `${part}.output.LayerNorm`,
  };
}

function layerNames(layer: string, cross: boolean): PostNormLayerNames {
  const { norm: attentionNorm, ...attention } = attentionNames(`${layer}.attention`);
  return {
    ...attention,
    attentionNorm,
    ...(cross && { cross: attentionNames(`${layer}.crossattention`) }),
    up: `${layer}.intermediate.dense`,
    down: `${layer}.output.dense`,
    outputNorm: `${layer}.output.LayerNorm`,
  };
}

/** The padding token's id, after which positions count; at least one must be left. */
function paddingPosition({ paddingIdx, positions }: EncoderSizes): number {
  if (paddingIdx === null || paddingIdx > positions - 2) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: pad_token_id must be from 0 to max_position_embeddings - 2, which is ${positions - 2}, ` +
        `got ${paddingIdx}`,
    );
  }
  return paddingIdx;
}
