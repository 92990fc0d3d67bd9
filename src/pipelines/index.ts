// Pipelines: re-exports only.
export type {
  ClassifiedText,
  LabelScore,
  TextClassificationCall,
  TokenClassificationCall,
  TokenEntity,
} from "./classification.js";
export type {
  GeneratedTextEntry,
  GenerationCall,
  SummaryEntry,
  TextGenerationCall,
  TranslationCall,
  TranslationEntry,
} from "./generation.js";
export type { CallOptions } from "./kind.js";
export { type Pipeline, type PipelineOptions, type PipelineTask, pipeline } from "./pipeline.js";
export type {
  AskedQuestion,
  ChoiceQuestion,
  FilledToken,
  FillMaskCall,
  FoundAnswer,
  QuestionAnsweringCall,
} from "./questions.js";
export type { ExtractedFeatures, FeatureExtractionCall, ZeroShotCall } from "./representations.js";
