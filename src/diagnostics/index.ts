// Diagnostics of training: why a run stalls, and what its steps should be.

export { type DiagnoseOptions, type Diagnosis, diagnose, type Escape, type Verdict } from "./diagnose.js";
export { type HessianOptions, type HessianSpectrum, hessianSpectrum } from "./hessian.js";
export {
  type LearningRateRange,
  type LearningRateRangeOptions,
  type LearningRateStep,
  learningRateRange,
} from "./learning-rate-range.js";
export {
  type Estimate,
  type GradientNoise,
  gradientNoise,
  gradientNorms,
  type LayerGradient,
} from "./noise.js";
export { type BatchLoss, type ModelSubjectOptions, modelSubject, type Subject } from "./subject.js";
export type { SurfaceOptions } from "./surface.js";
