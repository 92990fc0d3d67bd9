// CUDA code of this folder: not written yet.
#include "ops/losses/losses.h"

namespace athanor {

void mse_forward(Cuda, const LossForward& a) {
  throw Error(ErrorCode::cuda, "mse_forward: no CUDA code yet");
}
void bce_with_logits_forward(Cuda, const LossForward& a) {
  throw Error(ErrorCode::cuda, "bce_with_logits_forward: no CUDA code yet");
}
void mse_backward(Cuda, const LossBackward& a) {
  throw Error(ErrorCode::cuda, "mse_backward: no CUDA code yet");
}
void bce_with_logits_backward(Cuda, const LossBackward& a) {
  throw Error(ErrorCode::cuda, "bce_with_logits_backward: no CUDA code yet");
}

}  // namespace athanor
