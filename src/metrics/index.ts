// Metrics equal to the reference programs. Pure functions, usable alone: nothing of the engine is loaded.

export { type BleuOptions, type BleuScore, type BleuSmoothing, bleu, sentenceBleu } from "./bleu.js";
export type { BleuTokenizer } from "./bleu-tokenizers.js";
export { expectedCalibrationError } from "./calibration.js";
export { type ChrfOptions, type ChrfScore, chrf, sentenceChrf } from "./chrf.js";
export {
  type Average,
  type AverageOptions,
  accuracy,
  type ConfusionMatrix,
  confusionMatrix,
  f1,
  type Label,
  matthewsCorrelation,
  precision,
  recall,
} from "./classification.js";
export { pearson, spearman } from "./correlation.js";
export { type GlueResult, type GlueTask, glue } from "./glue.js";
export { perplexity } from "./perplexity.js";
export {
  type DocumentId,
  hitRateAtK,
  meanAveragePrecision,
  meanReciprocalRank,
  ndcgAtK,
  precisionAtK,
  recallAtK,
} from "./retrieval.js";
export { type RougeOptions, type RougeResult, type RougeScore, type RougeType, rouge } from "./rouge.js";
export type { RougeTokenizer } from "./rouge-tokenizers.js";
export { splitSentences } from "./sentences.js";
export { type EntityScore, type SeqevalOptions, type SeqevalResult, seqeval } from "./seqeval.js";
export type { TagScheme } from "./seqeval-entities.js";
export {
  approximateRandomization,
  type PairedBootstrapOptions,
  type PairedTest,
  pairedBootstrap,
  type RandomizationOptions,
  type TestedMetric,
  type TestedSystem,
} from "./significance.js";
export {
  type SquadOptions,
  type SquadPrediction,
  type SquadReference,
  type SquadResult,
  type SquadScore,
  squad,
} from "./squad.js";
export { sentenceTer, type TerOptions, type TerScore, ter } from "./ter.js";
export type { BootstrapOptions, Confidence, ReferenceSet } from "./translation.js";
