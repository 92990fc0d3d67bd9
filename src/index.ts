// The public API: re-exports only.
export * from "./data/index.js";
export { AthanorError, type ErrorCode } from "./errors.js";
export * from "./metrics/index.js";
export * from "./models/index.js";
export type { Priority } from "./native/contract.js";
export { type ReportParts, type RunLog, readRunLog, reportHtml } from "./report/index.js";
export * from "./tasks/index.js";
export { type CustomContext, type CustomFunction, customFunction } from "./tensor/custom-function.js";
export {
  type DeviceInfo,
  devices,
  emptyCache,
  memory,
  ready,
  setThreads,
  synchronize,
} from "./tensor/device.js";
export * as ops from "./tensor/ops.js";
export { Generator, manualSeed } from "./tensor/random.js";
export { noGrad, scope } from "./tensor/scope.js";
export {
  type Device,
  type DType,
  Tensor,
  type TensorData,
  type TensorOptions,
  tensor,
} from "./tensor/tensor.js";
export * from "./tokenizers/index.js";
export * from "./training/index.js";
