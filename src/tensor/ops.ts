// One typed function per op, in groups. `import { ops } from "athanor"` gives them as ops.linear, ops.add, ...
export { type AttentionOptions, attention, type RelativeBias } from "./ops/attention.js";
export * from "./ops/cache.js";
export * from "./ops/creation.js";
export * from "./ops/decoding.js";
export * from "./ops/elementwise.js";
export * from "./ops/gated.js";
export * from "./ops/linear.js";
export * from "./ops/loss.js";
export { dropout, layerNorm, type NormAndSum, type NormOptions, rmsNorm } from "./ops/norm.js";
export * from "./ops/optimizer.js";
export * from "./ops/reduce.js";
export * from "./ops/segment.js";
export * from "./ops/shape.js";
