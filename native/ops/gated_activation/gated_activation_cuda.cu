// CUDA code of this folder: not written yet.
#include "ops/gated_activation/gated_activation.h"

namespace athanor {

void gated_forward(Cuda, const GatedForward& a) {
  throw Error(ErrorCode::cuda, "gated_forward: no CUDA code yet");
}
void gated_backward(Cuda, const GatedBackward& a) {
  throw Error(ErrorCode::cuda, "gated_backward: no CUDA code yet");
}

}  // namespace athanor
