// CUDA code of this folder: not written yet.
#include "ops/cross_entropy/cross_entropy.h"

namespace athanor {

void cross_entropy_forward(Cuda, const CrossEntropyForward& a) {
  throw Error(ErrorCode::cuda, "cross_entropy_forward: no CUDA code yet");
}
void cross_entropy_backward(Cuda, const CrossEntropyBackward& a) {
  throw Error(ErrorCode::cuda, "cross_entropy_backward: no CUDA code yet");
}

}  // namespace athanor
