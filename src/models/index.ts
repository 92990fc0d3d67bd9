export * from "./auto.js";
export { Batch, type Example } from "./batch.js";
export type { ModelConfig } from "./config.js";
export type { ForwardOptions } from "./encoder.js";
export type { LossOptions } from "./loss-options.js";
export { type LoadReport, Model, type ModelOutput } from "./model.js";
