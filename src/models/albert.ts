// ALBERT (Lan et al. 2020, arXiv:1909.11942), as transformers.AlbertModel: narrow embeddings mapped to the hidden
// size, and layers that share their weights. All tensors are ragged: T tokens of B sequences, hidden size C,
// embedding width E.
import { Linear, TextEmbeddings } from "../nn/layers.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { PostNormLayer, type PostNormLayerNames } from "../nn/post-norm-layer.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Batch } from "./batch.js";
import { integerOf, type ModelConfig } from "./config.js";
import type { Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";
import { bertEntries, type EncoderSizes, encoderSizes, type SizeEntries } from "./encoder-sizes.js";
import { runLayers } from "./layer-stack.js";

const entries: SizeEntries = {
  ...bertEntries,
  vocabulary: ["vocab_size", 30000],
  hidden: ["hidden_size", 4096],
  heads: ["num_attention_heads", 64],
  inner: ["intermediate_size", 16384],
  width: ["embedding_size", 128],
  activation: ["hidden_act", "gelu_new"],
  hiddenDropout: ["hidden_dropout_prob", 0],
  undropped: "feedForward",
  attentionDropout: ["attention_probs_dropout_prob", 0],
};

export class AlbertEncoder implements Encoder {
  readonly sizes: EncoderSizes;
  readonly positions: number;
  readonly firstPosition = 0;
  readonly words: Parameter;
  readonly #embeddings: TextEmbeddings;
  readonly #mapping: Linear;
  /** In the order in which they run: the same layer at many places. */
  readonly #layers: PostNormLayer[];
  readonly #pooler: Linear | undefined;

  /** @param prefix "" for the bare model, "albert." under a head */
  constructor(store: ParameterStore, prefix: string, config: ModelConfig, pooler: boolean) {
    const sizes = encoderSizes(config, entries);
    const { hidden, width, std, paddingIdx, layers } = sizes;
    const groups = integerOf(config, "num_hidden_groups", 1, 1, 1 << 12);
    const inner = integerOf(config, "inner_group_num", 1, 1, 1 << 12);
    this.sizes = sizes;
    this.positions = sizes.positions;
    this.#embeddings = new TextEmbeddings(store, `${prefix}embeddings`, sizes, { std, paddingIdx });
    this.words = this.#embeddings.words;
    const init: Init = { kind: "normal", std };
    const encoder = `${prefix}encoder`;
    this.#mapping = new Linear(store, `${encoder}.embedding_hidden_mapping_in`, width, hidden, init);
    const byGroup = Array.from({ length: groups }, (_, group) =>
      Array.from({ length: inner }, (_, i) => {
        const name = `${encoder}.albert_layer_groups.${group}.albert_layers.${i}`;
        return new PostNormLayer(store, layerNames(name), sizes);
      }),
    );
    this.#layers = Array.from({ length: layers }, (_, i) => byGroup[groupOf(i, layers, groups)]).flat();
    if (pooler) this.#pooler = new Linear(store, `${prefix}pooler`, hidden, hidden, init);
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    const embedded = this.#embeddings.forward(batch, training ? this.sizes.hiddenDropout : 0); // (T, E)
    const x = this.#mapping.forward(embedded); // (T, C)
    const output = runLayers(this.#layers, x, batch, training, options);
    const pooled = this.#pooler?.forward(gatherRows(output.hidden, batch.firstRows), "tanh"); // (B, C)
    return { ...output, pooled };
  }
}

/** Divided as the reference does, whose quotient is rounded: it decides where groups do not divide layers. */
function groupOf(layer: number, layers: number, groups: number): number {
  return Math.floor(layer / (layers / groups));
}

function layerNames(layer: string): PostNormLayerNames {
  return {
    query: `${layer}.attention.query`,
    key: `${layer}.attention.key`,
    value: `${layer}.attention.value`,
    output: `${layer}.attention.dense`,
    attentionNorm: `${layer}.attention.LayerNorm`,
    up: `${layer}.ffn`,
    down: `${layer}.ffn_output`,
    outputNorm: `${layer}.full_layer_layer_norm`,
  };
}
