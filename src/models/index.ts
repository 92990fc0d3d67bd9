export * from "./auto.js";
export { Batch, type Example } from "./batch.js";
export type { ModelConfig } from "./config.js";
export { type ConvertOptions, type ConvertResult, convertCheckpoint } from "./convert.js";
export type { EncoderOutputs, ForwardOptions } from "./encoder.js";
export type { LossOptions } from "./loss-options.js";
export { type LoadReport, Model, type ModelOutput } from "./model.js";
export { type PaddedInputs, paddedBatch } from "./padded-batch.js";
