// Pipelines without a head of their own task: any labels by entailment, and the encoder's hidden states.
import {
  FeatureExtractor,
  type FeatureExtractorOptions,
  type ZeroShotCallOptions,
  ZeroShotClassifier,
  type ZeroShotResult,
} from "../embeddings/index.js";
import { AutoModel, AutoModelForSequenceClassification } from "../models/index.js";
import { type CallOptions, type PipelineKind, textInput } from "./kind.js";

const LABELS = "zero-shot-classification";
const FEATURES = "feature-extraction";

/** `batchSize` counts pairs of a text and a label. */
export interface ZeroShotCall extends ZeroShotCallOptions {
  /** A list, or one text with commas between; also the second argument of a call. */
  candidateLabels: string | readonly string[];
}

export const zeroShotKind: PipelineKind<string, ZeroShotCall, ZeroShotResult> = {
  auto: AutoModelForSequenceClassification,
  second: "candidateLabels",
  check: (parts) => void new ZeroShotClassifier(parts),
  run(parts, inputs, { candidateLabels, ...options }) {
    const texts = inputs.map((input, i) => textInput(LABELS, input, i));
    return new ZeroShotClassifier(parts).classify(texts, candidateLabels, options);
  },
};

export interface FeatureExtractionCall
  extends CallOptions,
    Pick<FeatureExtractorOptions, "layers" | "combine" | "maxLength"> {
  /** One vector per text; default "none": one per token, as in Transformers. */
  pooling?: FeatureExtractorOptions["pooling"];
}

/** Of a text: a vector for each token, special tokens included; with pooling one vector. */
export type ExtractedFeatures = Float32Array[] | Float32Array;

export const featureExtractionKind: PipelineKind<string, FeatureExtractionCall, ExtractedFeatures> = {
  auto: AutoModel,
  unused: /(^|\.)pooler\./,
  check: (parts) => void new FeatureExtractor(parts),
  async run(parts, inputs, { signal, pooling = "none", ...options }) {
    const texts = inputs.map((input, i) => textInput(FEATURES, input, i));
    const extractor = new FeatureExtractor({ ...options, ...parts, pooling });
    const features = await extractor.extract(texts, { signal });
    return pooling === "none" ? features.map((tokens) => vectorsOf(tokens, extractor.width)) : features;
  },
};

/** (L, width) as L vectors. */
function vectorsOf(tokens: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: tokens.length / width }, (_, t) => tokens.slice(t * width, (t + 1) * width));
}
