// CUDA code of this folder: not written yet.
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace athanor {

void linear_cross_entropy_forward(Cuda, const LinearCrossEntropyForward& a) {
  throw Error(ErrorCode::cuda, "linear_cross_entropy_forward: no CUDA code yet");
}
void linear_cross_entropy_backward(Cuda, const LinearCrossEntropyBackward& a) {
  throw Error(ErrorCode::cuda, "linear_cross_entropy_backward: no CUDA code yet");
}

}  // namespace athanor
