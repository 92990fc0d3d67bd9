export * from "./auto.js";
export { Batch, type BatchLabels, type Example } from "./batch.js";
export type { ModelConfig } from "./config.js";
export type { CustomHead, CustomHeadClass, HeadContext, HeadInputs } from "./custom-head.js";
export type { ForwardOptions } from "./encoder.js";
export type { HeadOutput } from "./head.js";
export type { LossOptions } from "./loss-options.js";
export { type LoadReport, Model, type ModelOutput } from "./model.js";
export { type PaddedInputs, paddedBatch } from "./padded-batch.js";
