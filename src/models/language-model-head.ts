// The head of masked language models, which pre-training shares: what it declares, its loss and its logits.
import { AthanorError } from "../errors.js";
import { LayerNorm, Linear } from "../nn/layers.js";
import { type Parameter, type ParameterStore, zeros } from "../nn/parameter.js";
import { type Activation, linear } from "../tensor/ops/linear.js";
import { gatherRows } from "../tensor/ops/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collateTokenLabels,
  type Example,
  integerLabels,
  nextLabels,
  noLabels,
} from "./batch.js";
import { headInit, type ModelConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import type { HeadKind, HeadOutput } from "./head.js";
import { makeWhenRead } from "./lazy-outputs.js";
import type { HeadLoss } from "./loss-options.js";

/** Where a family keeps the parameters of its masked language model. */
export interface LanguageModelLayout {
  transform: string;
  norm: string;
  bias: string;
  /** Of NAME.weight and NAME.bias where the output layer is not tied to the word embeddings. */
  decoder: string;
  /** The transform's, where it is not that of the layers. */
  activation?: Activation;
}

/** Masked-LM logits: transform, activation, norm, then the word embeddings again with a bias of their own. */
export class LanguageModelHead {
  readonly #transform: Linear;
  readonly #norm: LayerNorm;
  readonly #bias: Parameter;
  readonly #decoder: Parameter;
  readonly #activation: Activation;

  constructor(store: ParameterStore, encoder: Encoder, config: ModelConfig, layout: LanguageModelLayout) {
    const { hidden, width, vocabulary, eps, activation } = encoder.sizes;
    const tied = config.tie_word_embeddings !== false;
    const own = `${layout.decoder}.bias`;
    const declareBias = (name: string) => store.declare(name, [vocabulary], zeros);
    // Untied, Transformers keeps both biases where their names differ, and uses the decoder's alone.
    const kept = tied || own !== layout.bias ? declareBias(layout.bias) : undefined;
    this.#transform = new Linear(store, layout.transform, hidden, width, headInit(config));
    this.#norm = new LayerNorm(store, layout.norm, width, eps);
    this.#activation = layout.activation ?? activation;
    this.#decoder = tied
      ? encoder.words
      : store.declare(`${layout.decoder}.weight`, [vocabulary, width], headInit(config));
    this.#bias = tied && kept ? kept : declareBias(own);
  }

  /** (T, C) -> (T, E): what is projected to the vocabulary. */
  #features(hidden: Tensor): Tensor {
    return this.#norm.forward(this.#transform.forward(hidden, this.#activation));
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

export const maskedLM = (layout: LanguageModelLayout): HeadKind => ({
  pooler: false,
  make(store, encoder, config) {
    const head = new LanguageModelHead(store, encoder, config, layout);
    return {
      lossOptions: ["labelSmoothing"],
      collate: collateLanguageModelLabels,
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch, ["logits"], loss),
    };
  },
});

/** Token labels, and for the vocabulary projection the labelled rows with their labels. */
export function collateLanguageModelLabels(examples: readonly Example[], device: string): BatchLabels {
  return collateRows(examples, device, (labels) => labels);
}

/** @param told what the tokens of a sequence are to tell, -100 for nothing, by its labels */
function collateRows(
  examples: readonly Example[],
  device: string,
  told: (labels: number[]) => number[],
): BatchLabels {
  const { tensors } = collateTokenLabels(examples, device);
  if (!tensors.labels) return noLabels;
  const all = examples.flatMap(({ labels }) => told(Array.from(labels as ArrayLike<number>, Number)));
  const rows = [...all.keys()].filter((row) => all[row] !== -100);
  const labelRows = integerLabels(rows, "labels", device);
  const rowLabels = integerLabels(
    rows.map((row) => all[row]),
    "labels",
    device,
  );
  return { tensors: { ...tensors, labelRows, rowLabels }, lossCount: rows.length };
}

/** As transformers.BertLMHeadModel: the same head, by which each token tells the next one of its sequence. */
export const causalLM = (layout: LanguageModelLayout): HeadKind => ({
  pooler: false,
  make(store, encoder, config) {
    if (!encoder.sizes.causal) {
      const message = "config: is_decoder must be true for a causal language model, got false";
      throw new AthanorError("ERR_CHECKPOINT", message);
    }
    const head = new LanguageModelHead(store, encoder, config, layout);
    return {
      lossOptions: ["labelSmoothing"],
      collate: (examples, device) => collateRows(examples, device, nextLabels),
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch, ["logits"], loss),
    };
  },
});
