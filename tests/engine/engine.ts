// The parts of the package that the engine's tests and their child processes use: no models, no tokenizers.
export { customFunction } from "../../src/tensor/custom-function.js";
export {
  devices,
  emptyCache,
  engineState,
  memory,
  ready,
  setThreads,
  synchronize,
} from "../../src/tensor/device.js";
export * as ops from "../../src/tensor/ops.js";
export { noGrad, scope, untracked } from "../../src/tensor/scope.js";
export { Tensor, tensor } from "../../src/tensor/tensor.js";
