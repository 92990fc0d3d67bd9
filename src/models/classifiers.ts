// From an encoder's output to scores per sequence, (B, outputs): families differ in what lies between the first
// token and the last linear layer.
import { activated } from "../nn/activation.js";
import { Linear } from "../nn/layers.js";
import type { ParameterStore } from "../nn/parameter.js";
import type { Activation } from "../tensor/ops/linear.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batch } from "./batch.js";
import { headInit, type ModelConfig } from "./config.js";
import type { Encoder, EncoderOutput } from "./encoder.js";
import { type DropoutOf, headDropout } from "./head.js";

/** Scores (B, outputs) of a batch. */
export type Classifier = (encoded: EncoderOutput, batch: Batch, training: boolean) => Tensor;

export interface ClassifierKind {
  /** Whether it reads the encoder's pooler. */
  pooler: boolean;
  make(store: ParameterStore, encoder: Encoder, config: ModelConfig, outputs: number): Classifier;
}

/** NAME(dropout(pooled)): BERT's and ALBERT's. */
export function pooledClassifier(name: string, dropoutOf: DropoutOf): ClassifierKind {
  return {
    pooler: true,
    make(store, encoder, config, outputs) {
      const p = dropoutOf(config, encoder);
      const output = new Linear(store, name, encoder.sizes.hidden, outputs, headInit(config));
      return ({ pooled }, _, training) => output.forward(headDropout(pooled as Tensor, p, training));
    },
  };
}

export interface FirstTokenLayout {
  /** The layer in between, C to C; without one the activation alone. */
  dense?: string;
  activation: Activation;
  output: string;
  /** Dropout of the first token, and of what the layer in between gives. */
  before: number;
  after: number;
}

/** OUTPUT(dropout(activation(DENSE(dropout(first token))))): RoBERTa's, DistilBERT's and ELECTRA's. */
export function firstTokenClassifier(
  layoutOf: (config: ModelConfig, encoder: Encoder) => FirstTokenLayout,
): ClassifierKind {
  return {
    pooler: false,
    make(store, encoder, config, outputs) {
      const { dense, activation, output, before, after } = layoutOf(config, encoder);
      const size = encoder.sizes.hidden;
      const init = headInit(config);
      const middle = dense === undefined ? undefined : new Linear(store, dense, size, size, init);
      const last = new Linear(store, output, size, outputs, init);
      return ({ hidden }, { firstRows }, training) => {
        const first = headDropout(gatherRows(hidden, firstRows), before, training); // (B, C)
        const features = middle ? middle.forward(first, activation) : activated(first, activation);
        return last.forward(headDropout(features, after, training));
      };
    },
  };
}
