// DistilBERT (Sanh et al. 2019, arXiv:1910.01108), as transformers.DistilBertModel: BERT's layers under other names,
// without token types and pooler. All tensors are ragged: T tokens of B sequences, hidden size C.
import { TextEmbeddings } from "../nn/layers.js";
import type { Init, Parameter, ParameterStore } from "../nn/parameter.js";
import { PostNormLayer, type PostNormLayerNames } from "../nn/post-norm-layer.js";
import type { Batch } from "./batch.js";
import type { ModelConfig } from "./config.js";
import type { Encoder, EncoderOptions, EncoderOutput } from "./encoder.js";
import { type EncoderSizes, encoderSizes, layerSizes, type SizeEntries } from "./encoder-sizes.js";
import { runLayers } from "./layer-stack.js";

const entries: SizeEntries = {
  vocabulary: ["vocab_size", 30522],
  hidden: ["dim", 768, "hidden_size"],
  layers: ["n_layers", 6, "num_hidden_layers"],
  heads: ["n_heads", 12, "num_attention_heads"],
  inner: ["hidden_dim", 3072],
  positions: ["max_position_embeddings", 512],
  activation: ["activation", "gelu"],
  eps: 1e-12,
  hiddenDropout: ["dropout", 0.1],
  undropped: "attention",
  attentionDropout: ["attention_dropout", 0.1],
  paddingIdx: 0,
};

export class DistilBertEncoder implements Encoder {
  readonly sizes: EncoderSizes;
  readonly positions: number;
  readonly firstPosition = 0;
  readonly words: Parameter;
  readonly #embeddings: TextEmbeddings;
  readonly #layers: PostNormLayer[];

  /** @param prefix "" for the bare model, "distilbert." under a head */
  constructor(store: ParameterStore, prefix: string, config: ModelConfig) {
    const sizes = encoderSizes(config, entries, { pruning: true });
    const { std, paddingIdx } = sizes;
    this.sizes = sizes;
    this.positions = sizes.positions;
    const positions = config.sinusoidal_pos_embds ? sinusoids(sizes.positions, sizes.hidden) : undefined;
    this.#embeddings = new TextEmbeddings(store, `${prefix}embeddings`, sizes, {
      std,
      paddingIdx,
      positions,
    });
    this.words = this.#embeddings.words;
    this.#layers = Array.from({ length: sizes.layers }, (_, i) => {
      const names = layerNames(`${prefix}transformer.layer.${i}`);
      return new PostNormLayer(store, names, layerSizes(sizes, i));
    });
  }

  forward(batch: Batch, training: boolean, options: EncoderOptions): EncoderOutput {
    const x = this.#embeddings.forward(batch, training ? this.sizes.hiddenDropout : 0); // (T, C)
    return runLayers(this.#layers, x, batch, training, options);
  }
}

function layerNames(layer: string): PostNormLayerNames {
  return {
    query: `${layer}.attention.q_lin`,
    key: `${layer}.attention.k_lin`,
    value: `${layer}.attention.v_lin`,
    output: `${layer}.attention.out_lin`,
    attentionNorm: `${layer}.sa_layer_norm`,
    up: `${layer}.ffn.lin1`,
    down: `${layer}.ffn.lin2`,
    outputNorm: `${layer}.output_layer_norm`,
  };
}

/**
 * Positions that start as sines and cosines of falling frequency, by turns along the width (Vaswani et al. 2017,
 * section 3.5); they are trained like others.
 */
function sinusoids(positions: number, width: number): Init {
  const values = () => {
    const table = new Float32Array(positions * width);
    for (let position = 0; position < positions; position++) {
      for (let i = 0; i < width; i++) {
        const angle = position / 10000 ** ((2 * Math.floor(i / 2)) / width);
        table[position * width + i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
      }
    }
    return table;
  };
  return { kind: "values", values };
}
