// A linear classifier over the features of a frozen encoder: what feature extraction gives is learnt from, the encoder is
// not changed. With combine "mix" the weights of the layers are learnt too (Peters et al. 2018, section 3.1).
import { pretrainedFolder, takeHubOptions } from "../hub/index.js";
import type { FromConfigOptions, FromPretrainedOptions } from "../models/auto.js";
import type { Batch } from "../models/batch.js";
import { resolveCheckpoint } from "../models/checkpoint-files.js";
import type { ClassifierKind } from "../models/classifiers.js";
import { headInit, type ModelConfig, plainConfig, readConfig, withLabels } from "../models/config.js";
import type { Encoder, EncoderOptions, EncoderOutput } from "../models/encoder.js";
import { modelParts } from "../models/families.js";
import { sequenceClassification } from "../models/heads.js";
import { MODEL_FILES } from "../models/hub-files.js";
import { initialize, loadModel } from "../models/load-model.js";
import { Model, type ModelParts } from "../models/model.js";
import { Linear } from "../nn/layers.js";
import { checkedModes, type PoolingMode, pool } from "../nn/pooling.js";
import { ScalarMix } from "../nn/scalar-mix.js";
import { noGrad, scope } from "../tensor/scope.js";
import {
  checkedCombination,
  combineLayers,
  type LayerCombination,
  layerCount,
  layerPlaces,
  requireOneStack,
} from "./layer-choice.js";
import { fault } from "./text-batches.js";

const WHO = "FeatureClassifier";
// Where config.json keeps what the features are, so that a saved model loads as it was.
const ENTRY = "feature_classifier";

export interface FeatureOptions {
  /** 0: the embeddings, 1 and up: the layers, negative from the last, or all; default all. */
  layers?: number | readonly number[] | "all";
  /** What several layers become; default "mix". */
  combine?: LayerCombination;
  /** Default "mean". */
  pooling?: PoolingMode | readonly PoolingMode[];
}

export interface FeatureClassifierConfigOptions extends FromConfigOptions, FeatureOptions {}
export interface FeatureClassifierLoadOptions extends FromPretrainedOptions, FeatureOptions {}

interface FeatureParts extends ModelParts {
  mix: ScalarMix | undefined;
}

/**
 * Scores classes from pooled hidden states. Only `mix.*` and `classifier.*` are trained: the encoder runs without dropout
 * and without gradients, so that a step costs little more than a forward pass. Its labels and losses are those of
 * AutoModelForSequenceClassification; train it with the task textClassification().
 *
 * @example
 * const model = await FeatureClassifier.fromPretrained("./bert-base-uncased", { labels, layers: "all" });
 * const trainer = new Trainer({ model, tokenizer, task: textClassification(), train, args: { learningRate: 1e-2 } });
 */
export class FeatureClassifier extends Model {
  readonly #mix: ScalarMix | undefined;

  /** @internal Use fromPretrained() or fromConfig(). */
  constructor(parts: FeatureParts, options: FromConfigOptions) {
    super(parts, options);
    this.#mix = parts.mix;
    this.freeze((name) => !isLearnt(name));
  }

  /**
   * Loads an encoder, or what savePretrained() of this class wrote.
   *
   * @throws ERR_ARGUMENT for an unknown layer, pooling or combination; otherwise as AutoModel
   */
  static async fromPretrained(
    name: string,
    options: FeatureClassifierLoadOptions = {},
  ): Promise<FeatureClassifier> {
    if (typeof name !== "string") throw fault(WHO, "folder must be a string", typeof name);
    const folder = await pretrainedFolder(WHO, name, MODEL_FILES, takeHubOptions(WHO, options).hub);
    const config = {
      ...(await readConfig(folder)),
      ...plainConfig(options.config ?? {}, `${WHO}: config`),
    };
    const { parts, rules } = featureParts(config, options);
    const found = await resolveCheckpoint(folder);
    return await loadModel(
      { folder, parts, rules, found },
      options,
      () => new FeatureClassifier(parts, options),
    );
  }

  /** Fresh weights. */
  static async fromConfig(
    config: ModelConfig,
    options: FeatureClassifierConfigOptions = {},
  ): Promise<FeatureClassifier> {
    const { parts } = featureParts(plainConfig(config, `${WHO}: config`), options);
    const model = new FeatureClassifier(parts, options);
    initialize(model, () => true, options.seed);
    return model;
  }

  /** What each layer counts in the mix, gamma left out; undefined without a mix. */
  async layerWeights(): Promise<Float32Array | undefined> {
    const mix = this.#mix;
    if (!mix) return undefined;
    const weights = scope(() => noGrad(() => mix.weights()));
    try {
      return (await weights.data()) as Float32Array;
    } finally {
      weights.dispose();
    }
  }
}

const isLearnt = (name: string) => /^(mix|classifier)\./.test(name);

function featureParts(config: ModelConfig, options: FeatureOptions & FromConfigOptions) {
  const stored = (config[ENTRY] ?? {}) as FeatureOptions;
  const { layers = "all", combine = "mix", pooling = "mean" } = { ...stored, ...given(options) };
  const labelled = options.labels ? withLabels(config, options.labels) : config;
  const full = { ...labelled, [ENTRY]: { layers, combine, pooling } };
  const { parts, rules } = modelParts(full, "Model");
  requireOneStack(WHO, parts);
  const { store, encoder } = parts;
  const places = layerPlaces(WHO, layers, layerCount({ sizes: encoder.sizes, config }));
  const how = checkedCombination(WHO, combine);
  const modes = checkedModes(WHO, pooling);
  const mix = how === "mix" ? new ScalarMix(store, "mix", places.length) : undefined;
  const kind: ClassifierKind = {
    pooler: false,
    make(_, { sizes }, __, outputs) {
      const width = sizes.hidden * modes.length * (how === "concat" ? places.length : 1);
      const classifier = new Linear(store, "classifier", width, outputs, headInit(full));
      return ({ hiddenStates = [] }, batch) =>
        classifier.forward(pool(combineLayers(hiddenStates, places, how, mix), batch, modes));
    },
  };
  const head = sequenceClassification(kind).make(store, encoder, full);
  return { parts: { ...parts, encoder: frozen(encoder), head, mix }, rules };
}

function given({ layers, combine, pooling }: FeatureOptions): FeatureOptions {
  const entries = Object.entries({ layers, combine, pooling });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** The encoder without dropout and gradients, with all its hidden states. */
function frozen(encoder: Encoder): Encoder {
  return Object.assign(Object.create(encoder) as Encoder, {
    sizes: encoder.sizes,
    forward(batch: Batch, _: boolean, options: EncoderOptions): EncoderOutput {
      const all = { ...options, hiddenStates: true, recompute: false };
      return noGrad(() => encoder.forward(batch, false, all));
    },
  });
}
