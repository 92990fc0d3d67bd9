// CUDA code of this folder: not written yet.
#include "ops/l2_normalize/l2_normalize.h"

namespace athanor {

void l2_normalize_forward(Cuda, const L2NormalizeForward& a) {
  throw Error(ErrorCode::cuda, "l2_normalize_forward: no CUDA code yet");
}
void l2_normalize_backward(Cuda, const L2NormalizeBackward& a) {
  throw Error(ErrorCode::cuda, "l2_normalize_backward: no CUDA code yet");
}

}  // namespace athanor
