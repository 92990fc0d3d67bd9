// Representations: features of frozen encoders, sentence embeddings, re-ranking, zero-shot classification.

export type { PoolingMode } from "../nn/pooling.js";
export {
  CrossEncoder,
  type CrossEncoderCallOptions,
  type CrossEncoderOptions,
  type RankedDocument,
  type RankOptions,
  type ScoreActivation,
} from "./cross-encoder.js";
export {
  FeatureClassifier,
  type FeatureClassifierConfigOptions,
  type FeatureClassifierLoadOptions,
  type FeatureOptions,
} from "./feature-classifier.js";
export { FeatureExtractor, type FeatureExtractorOptions } from "./feature-extractor.js";
export type { LayerCombination } from "./layer-choice.js";
export {
  cosineSimilarityLoss,
  multipleNegativesRankingLoss,
  type RankingLossOptions,
  type SentenceLoss,
} from "./losses.js";
export type { FreshModules, SentenceModules } from "./sentence-files.js";
export {
  type SentenceConfigOptions,
  type SentenceEncodeOptions,
  type SentenceLoadOptions,
  type SentenceOutput,
  SentenceTransformer,
} from "./sentence-transformer.js";
export {
  type SearchHit,
  type SemanticSearchOptions,
  type SimilarityFunction,
  semanticSearch,
  similarityOf,
} from "./similarity.js";
export type { TextOptions } from "./text-batches.js";
export {
  type ZeroShotCallOptions,
  ZeroShotClassifier,
  type ZeroShotOptions,
  type ZeroShotResult,
} from "./zero-shot.js";
