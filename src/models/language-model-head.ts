// The head of BERT's masked language model, which pre-training shares: what it declares, its loss and its logits.
import { activationOf } from "../nn/activation.js";
import { LayerNorm, Linear } from "../nn/layers.js";
import { type Parameter, type ParameterStore, zeros } from "../nn/parameter.js";
import { linear } from "../tensor/ops/linear.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collateTokenLabels,
  type Example,
  integerLabels,
  noLabels,
} from "./batch.js";
import { headInit, type ModelConfig, numberOf } from "./config.js";
import type { Encoder } from "./encoder.js";
import type { HeadOutput } from "./heads.js";
import { makeWhenRead } from "./lazy-outputs.js";
import type { HeadLoss } from "./loss-options.js";

/** Masked-LM logits: transform, activation, norm, then the word embeddings again with a bias of their own. */
export class LanguageModelHead {
  readonly #transform: Linear;
  readonly #norm: LayerNorm;
  readonly #bias: Parameter;
  readonly #decoder: Parameter;

  constructor(
    store: ParameterStore,
    encoder: Encoder,
    private readonly config: ModelConfig,
  ) {
    const size = encoder.hiddenSize;
    const name = "cls.predictions";
    const [vocabulary] = encoder.words.shape;
    this.#bias = store.declare(`${name}.bias`, [vocabulary], zeros);
    this.#transform = new Linear(store, `${name}.transform.dense`, size, size, headInit(config));
    const eps = numberOf(config, "layer_norm_eps", 1e-12, 0, 1);
    this.#norm = new LayerNorm(store, `${name}.transform.LayerNorm`, size, eps);
    const tied = config.tie_word_embeddings !== false;
    this.#decoder = tied
      ? encoder.words
      : store.declare(`${name}.decoder.weight`, [vocabulary, size], headInit(config));
  }

  /** (T, C) -> (T, C): what is projected to the vocabulary. */
  #features(hidden: Tensor): Tensor {
    const activation = activationOf(this.config.hidden_act ?? "gelu");
    return this.#norm.forward(this.#transform.forward(hidden, activation));
  }

  /** hidden (T, C) -> (T, V) */
  logits(hidden: Tensor): Tensor {
    return linear(this.#features(hidden), this.#decoder.tensor, this.#bias.tensor);
  }

  /** The mean loss of the labelled tokens: transform and projection run on their rows alone. */
  loss(hidden: Tensor, { labels, labelRows, rowLabels }: Record<string, Tensor>, loss: HeadLoss): Tensor {
    const rows = labelRows ? gatherRows(hidden, labelRows) : hidden;
    return loss.linearCrossEntropy(this.#features(rows), this.#decoder.tensor, rowLabels ?? labels, {
      bias: this.#bias.tensor,
    });
  }

  /** The loss, when there are labels; the logits under these names are then made when somebody reads them. */
  outputs(hidden: Tensor, batch: Batch, names: readonly string[], loss: HeadLoss): HeadOutput {
    const output: HeadOutput = { lastHiddenState: hidden };
    if (!batch.labels) {
      const logits = this.logits(hidden); // (T, V)
      for (const name of names) output[name] = logits;
      return output;
    }
    output.loss = this.loss(hidden, batch.extra, loss);
    makeWhenRead(output, names, () => this.logits(hidden));
    // Of the labelled tokens alone, in their order: (counted, V), mostly a seventh of all.
    makeWhenRead(output, ["labelLogits"], () => this.logits(gatherRows(hidden, batch.extra.labelRows)));
    return output;
  }
}

/** Token labels, and for the vocabulary projection the labelled rows with their labels. */
export function collateLanguageModelLabels(examples: readonly Example[], device: string): BatchLabels {
  const { tensors, lossCount } = collateTokenLabels(examples, device);
  if (!tensors.labels) return noLabels;
  const rows: number[] = [];
  const labels: number[] = [];
  let row = 0;
  for (const example of examples) {
    const ofTokens = example.labels as ArrayLike<number>;
    for (let i = 0; i < ofTokens.length; i++, row++) {
      const label = Number(ofTokens[i]);
      if (label === -100) continue;
      rows.push(row);
      labels.push(label);
    }
  }
  const labelRows = integerLabels(rows, "labels", device);
  return {
    tensors: { ...tensors, labelRows, rowLabels: integerLabels(labels, "labels", device) },
    lossCount,
  };
}
