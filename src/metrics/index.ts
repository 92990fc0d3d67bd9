// Metrics equal to the reference programs. Pure functions, usable alone: nothing of the engine is loaded.

export { type BleuOptions, type BleuScore, type BleuSmoothing, bleu, sentenceBleu } from "./bleu.js";
export type { BleuTokenizer } from "./bleu-tokenizers.js";
export { type ChrfOptions, type ChrfScore, chrf, sentenceChrf } from "./chrf.js";
export { type RougeOptions, type RougeResult, type RougeScore, type RougeType, rouge } from "./rouge.js";
export type { RougeTokenizer } from "./rouge-tokenizers.js";
export { splitSentences } from "./sentences.js";
export {
  approximateRandomization,
  type PairedBootstrapOptions,
  type PairedTest,
  pairedBootstrap,
  type RandomizationOptions,
  type TestedMetric,
  type TestedSystem,
} from "./significance.js";
export { sentenceTer, type TerOptions, type TerScore, ter } from "./ter.js";
export type { BootstrapOptions, Confidence, ReferenceSet } from "./translation.js";
