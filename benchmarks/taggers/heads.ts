// The taggers that are compared: the plain head, a CRF over the same scores, and a bidirectional LSTM below the CRF.
import {
  type AutoClass,
  AutoModelForTokenClassification,
  autoModelForHead,
  type Batch,
  collateTagChains,
  type HeadContext,
  type HeadInputs,
  pathLogits,
} from "../../src/models/index.js";
import { Crf, Dropout, Linear, Lstm } from "../../src/nn/index.js";
import { gatherRows } from "../../src/tensor/ops.js";
import type { Tensor } from "../../src/tensor/tensor.js";

class CrfTagger {
  readonly collate = collateTagChains;
  readonly #dropout: Dropout;
  readonly #output: Linear;
  readonly #crf: Crf;

  constructor({ parameters, hiddenSize, classes, config, init, dropout }: HeadContext) {
    this.#dropout = new Dropout(dropout);
    this.#output = new Linear(parameters, "classifier", hiddenSize, classes, init);
    this.#crf = new Crf(parameters, "crf", classes, { labels: Object.values(config.id2label ?? {}) });
  }

  protected read(words: Tensor, _offsets: Tensor): Tensor {
    return words;
  }

  forward({ lastHiddenState, batch, training }: HeadInputs) {
    const { chainRows, chainOffsets } = batch.extra;
    const words = gatherRows(lastHiddenState, chainRows); // (N, C)
    const read = this.#dropout.forward(this.read(words, chainOffsets), training);
    const emissions = this.#output.forward(read); // (N, K)
    if (training) return { emissions };
    const { tags } = this.#crf.decode(emissions, chainOffsets);
    return { emissions, logits: pathLogits(tags, batch, this.#crf.tags) };
  }

  loss({ emissions }: { emissions: Tensor }, batch: Batch): Tensor {
    return this.#crf.nll(emissions, batch.extra.chainOffsets, batch.labels as Tensor);
  }
}

class LstmCrfTagger extends CrfTagger {
  readonly #lstm: Lstm;

  constructor(context: HeadContext) {
    super(context);
    const { parameters, hiddenSize } = context;
    this.#lstm = new Lstm(parameters, "lstm", hiddenSize, hiddenSize / 2, { bidirectional: true });
  }

  protected override read(words: Tensor, offsets: Tensor): Tensor {
    return this.#lstm.forward(words, offsets).output;
  }
}

/** By name; the encoder's parameters come first, so that with one seed all have the same. */
export const taggers = new Map<string, AutoClass>([
  ["plain", AutoModelForTokenClassification],
  ["CRF", autoModelForHead("CrfTagging", CrfTagger)],
  ["LSTM, CRF", autoModelForHead("LstmCrfTagging", LstmCrfTagger)],
]);
