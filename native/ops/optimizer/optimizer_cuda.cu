// CUDA code of this folder: not written yet.
#include "ops/optimizer/optimizer.h"

namespace athanor {

void gradient_norm(Cuda, const GradientNorm& a) {
  throw Error(ErrorCode::cuda, "gradient_norm: no CUDA code yet");
}
void norm_of_squares(Cuda, const NormOfSquares& a) {
  throw Error(ErrorCode::cuda, "norm_of_squares: no CUDA code yet");
}
void adamw_update(Cuda, const AdamwUpdate& a) {
  throw Error(ErrorCode::cuda, "adamw_update: no CUDA code yet");
}
void sgd_update(Cuda, const SgdUpdate& a) {
  throw Error(ErrorCode::cuda, "sgd_update: no CUDA code yet");
}

}  // namespace athanor
