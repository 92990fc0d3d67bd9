// Feature extraction: the hidden states of a frozen encoder as plain numbers, for classifiers, searches and plots of
// one's own.
import type { Batch } from "../models/batch.js";
import type { Model } from "../models/model.js";
import { checkedModes, type PoolingMode, pool } from "../nn/pooling.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TextOrPair } from "../tokenizers/batch.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import {
  checkedCombination,
  combineLayers,
  type LayerCombination,
  layerCount,
  layerPlaces,
  requireOneStack,
} from "./layer-choice.js";
import {
  type BatchWork,
  checkTexts,
  encodeTexts,
  fault,
  rowsOf,
  runExamples,
  type TextOptions,
} from "./text-batches.js";

export interface FeatureExtractorOptions extends Omit<TextOptions, "signal"> {
  /** Any encoder, or a decoder such as GPT-2; its weights are not changed. */
  model: Model;
  tokenizer: Tokenizer;
  /** 0: the embeddings, 1 and up: the layers, negative from the last, or all; default -1. */
  layers?: number | readonly number[] | "all";
  /** What several layers become; default "concat". */
  combine?: Exclude<LayerCombination, "mix">;
  /** One vector per text, several modes side by side, or "none": one per token. Default "mean". */
  pooling?: PoolingMode | readonly PoolingMode[] | "none";
}

/**
 * Texts in, Float32Arrays out: batched by length, without padding, off the JavaScript thread.
 *
 * @example
 * const model = await AutoModel.fromPretrained("./bert-base-uncased");
 * const extractor = new FeatureExtractor({ model, tokenizer, layers: [-4, -3, -2, -1], pooling: "mean" });
 * const [vector] = await extractor.extract(["It rains."]); // Float32Array of 4 times 768
 */
export class FeatureExtractor {
  readonly #options: FeatureExtractorOptions;
  readonly #places: number[];
  readonly #modes: PoolingMode[] | undefined;
  readonly #combine: LayerCombination;
  /** Numbers of one vector. */
  readonly width: number;

  /** @throws ERR_ARGUMENT for an unknown layer, pooling or combination, and for an encoder with a decoder */
  constructor(options: FeatureExtractorOptions) {
    const who = "FeatureExtractor";
    const { model, tokenizer, layers = -1, combine = "concat", pooling = "mean" } = options;
    if (!model || !tokenizer) throw fault(who, "model and tokenizer must be given", "none");
    requireOneStack(who, model.parts);
    this.#options = options;
    this.#places = layerPlaces(who, layers, layerCount(model));
    this.#combine = checkedCombination(who, combine);
    if (this.#combine === "mix")
      throw fault(who, "combine must be concat, sum or mean (a mix is learned)", combine);
    this.#modes = pooling === "none" ? undefined : checkedModes(who, pooling);
    const wide = this.#combine === "concat" ? this.#places.length : 1;
    this.width = wide * model.sizes.hidden * (this.#modes?.length ?? 1);
  }

  /**
   * One vector per text, of `width` numbers; without pooling one array (L, width) per text, special tokens included.
   *
   * @throws ERR_ARGUMENT for texts that are empty or none, ERR_ABORTED by the signal
   */
  async extract(
    texts: readonly TextOrPair[],
    { signal }: Pick<TextOptions, "signal"> = {},
  ): Promise<Float32Array[]> {
    const parts = { who: "FeatureExtractor", ...this.#options, signal };
    checkTexts(parts.who, texts);
    const work: BatchWork = {
      apply: (batch) => this.#features(batch),
      cut: (values, batch) =>
        this.#modes ? rowsOf(values, batch) : (batch.unpack(values) as Float32Array[]),
    };
    return await runExamples(await encodeTexts(texts, parts), work, parts);
  }

  /** (B, width), or (T, width) without pooling. */
  #features(batch: Batch): Tensor {
    const { model } = this.#options;
    const { hiddenStates: states = [] } = model.forward(batch, { hiddenStates: true });
    const features = combineLayers(states, this.#places, this.#combine);
    return this.#modes ? pool(features, batch, this.#modes) : features;
  }
}
